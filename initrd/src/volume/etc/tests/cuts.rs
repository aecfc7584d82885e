//! A power cut after each step leaves the old tree or the new one, and the next boot finishes.

use super::super::layout::Base;
use super::super::steps::{Built, FOLLOW, NOTE, Step, Work};
use super::*;
use pattern::etc::{Plan, plan};

/// Does the first steps only, as a power cut would have it.
fn cut(machine: &Machine, from: u8, to: u8, steps: &[Step]) {
    let (layout, running) = (machine.layout(to), mark(to));
    let Base { tree: base, numbers } = layout.base(mark(from).id()).unwrap().unwrap();
    let (mine, new) = (machine.tree(), read(layout.factory()).unwrap());
    let Plan { result, numbers, .. } = plan(&base, &mine, &new, &numbers);
    let text = numbers.text();
    let built = Some(Built { mine: &mine, result: &result });
    Work { layout: &layout, running: &running, new: &new, numbers: &text, built }.run(steps).unwrap();
}

/// A machine before a boot that changes `/etc`: from version 1 to 2, or back.
fn ready(name: &str, is_back: bool) -> (Machine, u8, u8) {
    let mut machine = Machine::installed(name);
    edit(&machine);
    if is_back {
        machine.boot(2);
        put(&machine.etc(), "meanwhile", "mine");
    }
    let (from, to) = if is_back { (2, 1) } else { (1, 2) };
    (machine, from, to)
}

#[test]
fn after_each_cut_there_is_the_old_tree_or_the_new_one_and_the_next_boot_finishes() {
    if !is_root() {
        return;
    }
    let (mut finished, mut old_ones) = (0, 0);
    for is_back in [false, true] {
        let (mut whole, _, to) = ready("whole", is_back);
        let old = whole.tree();
        whole.boot(to);
        let new = whole.tree();
        assert_ne!(old, new);
        for count in 0..=FOLLOW.len() {
            let (mut machine, from, to) = ready("cut", is_back);
            cut(&machine, from, to, &FOLLOW[..count]);
            let is_old = machine.tree() == old;
            assert!(is_old || machine.tree() == new, "after {:?}", &FOLLOW[..count]);
            assert_eq!(machine.marked(), Some(mark(if is_old { from } else { to })));
            machine.boot(to);
            assert_eq!(machine.tree(), new, "after {:?}", &FOLLOW[..count]);
            assert_eq!(read(&machine.own().join("before")).unwrap(), old);
            assert_eq!(machine.beside(), whole.beside());
            let numbers =
                |machine: &Machine| fs::read(machine.own().join(mark(to).id()).join("numbers")).unwrap();
            assert_eq!(numbers(&machine), numbers(&whole));
            old_ones += usize::from(is_old);
            finished += 1;
        }
    }
    // Only the last step changes what the system gets.
    assert_eq!((finished, old_ones), (2 * (FOLLOW.len() + 1), 2 * FOLLOW.len()));
}

/// A cut in the middle of a step leaves a part of what the step makes, or of what it removes.
#[test]
fn what_is_half_made_or_half_removed_is_no_obstacle() {
    if !is_root() {
        return;
    }
    for count in 0..FOLLOW.len() {
        for name in ["next", "draft", "before"] {
            let (mut machine, from, to) = ready("half", true);
            cut(&machine, from, to, &FOLLOW[..count]);
            let half = machine.own().join(name);
            remove(&half.join("motd")).unwrap();
            remove(&half.join("tree/motd")).unwrap();
            put(&half, "pam.d/half", "");
            let old = machine.tree();
            machine.boot(to);
            assert_eq!((machine.text("motd").unwrap(), machine.text("pam.d/half")), ("1".to_owned(), None));
            assert_eq!(
                read(&machine.own().join("before")).unwrap(),
                old,
                "{name} after {:?}",
                &FOLLOW[..count]
            );
            assert_eq!(machine.beside(), machine.kept(&[1, 2], &["before"]));
        }
    }
}

#[test]
fn a_first_boot_that_is_cut_is_finished_by_the_next() {
    if !is_root() {
        return;
    }
    for count in 0..=NOTE.len() {
        let mut machine = Machine::new("note");
        copy(&machine.image(1), &machine.etc());
        let (layout, running, new) = (machine.layout(1), mark(1), read(&machine.image(1)).unwrap());
        let work = Work { layout: &layout, running: &running, new: &new, numbers: b"", built: None };
        work.run(&NOTE[..count]).unwrap();
        machine.boot(1);
        assert_eq!(machine.beside(), machine.kept(&[1], &[]));
        machine.boot(2);
        assert_eq!(machine.text("motd").unwrap(), "2", "after {:?}", &NOTE[..count]);
    }
}

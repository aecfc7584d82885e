//! A power cut after each step leaves the old tree or the new one, and the next boot finishes.

use super::super::steps::{FOLLOW, NOTE};
use super::*;

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
            assert_eq!(machine.cut(to, false, count), &FOLLOW[..count]);
            let is_old = machine.tree() == old;
            assert!(is_old || machine.tree() == new, "after {:?}", &FOLLOW[..count]);
            assert_eq!(machine.marked(), Some(mark(if is_old { from } else { to })));
            machine.boot(to);
            assert_eq!(machine.tree(), new, "after {:?}", &FOLLOW[..count]);
            assert_eq!(read(&machine.own().join("before")).unwrap(), old);
            // The tree before the one from before stays until the next change, if its removal is what was cut.
            let beside: Vec<_> =
                machine.beside().into_iter().filter(|name| is_old || name != "old").collect();
            assert_eq!(beside, whole.beside());
            let numbers =
                |machine: &Machine| fs::read(machine.own().join(mark(to).id()).join("numbers")).unwrap();
            assert_eq!(numbers(&machine), numbers(&whole));
            assert_eq!(machine.open(), whole.open());
            old_ones += usize::from(is_old);
            finished += 1;
        }
    }
    // Only the last step changes what the system gets.
    assert_eq!((finished, old_ones), (2 * (FOLLOW.len() + 1), 2 * FOLLOW.len()));
}

/// The way back needs the tree from before. A second cut anywhere does not take it away.
#[test]
fn after_two_cuts_the_way_back_still_ends_where_it_began() {
    if !is_root() {
        return;
    }
    let (mut whole, ..) = ready("twice", true);
    whole.boot(1);
    for (first, second) in
        (0..FOLLOW.len()).flat_map(|first| (0..FOLLOW.len()).map(move |second| (first, second)))
    {
        let (mut machine, ..) = ready("twice-cut", true);
        machine.cut(1, false, first);
        machine.cut(1, false, second);
        machine.boot(1);
        assert_eq!(machine.tree(), whole.tree(), "after {:?}, {:?}", &FOLLOW[..first], &FOLLOW[..second]);
        assert_eq!(machine.beside(), whole.beside());
    }
}

/// A cut in the middle of a step leaves a part of what the step makes, or of what it removes.
#[test]
fn what_is_half_made_or_half_removed_is_no_obstacle() {
    if !is_root() {
        return;
    }
    for count in 0..=FOLLOW.len() {
        for name in ["next", "draft", "before", "old"] {
            let (mut machine, _, to) = ready("half", true);
            machine.cut(to, false, count);
            let old = machine.tree();
            let half = machine.own().join(name);
            // A tree from before is removed only while the other one is there, or after the exchange.
            let is_source = name == "before" && !machine.own().join("old").exists()
                || name == "old" && count < FOLLOW.len();
            if is_source || count == FOLLOW.len() && name == "before" {
                continue;
            }
            xattr::remove(&half, "trusted.pattern.base").ok();
            remove(&half.join("motd")).unwrap();
            remove(&half.join("tree/motd")).unwrap();
            put(&half, "pam.d/half", "");
            machine.boot(to);
            assert_eq!((machine.text("motd").unwrap(), machine.text("pam.d/half")), ("1".to_owned(), None));
            if count < FOLLOW.len() {
                let before = read(&machine.own().join("before")).unwrap();
                assert_eq!(before, old, "{name} after {:?}", &FOLLOW[..count]);
            }
            machine.boot(2);
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
        assert_eq!(machine.cut(1, true, count), &NOTE[..count]);
        machine.boot(1);
        assert_eq!(machine.beside(), machine.kept(&[1], &[]));
        machine.boot(2);
        assert_eq!(machine.text("motd").unwrap(), "2", "after {:?}", &NOTE[..count]);
    }
}

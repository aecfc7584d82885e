//! A power cut after each step, and after each path, leaves each path old or new, and the next boot finishes.

use super::*;
use crate::volume::var::steps::{FOLLOW, NOTE, Step, Work};

/// Does the first steps only, and of the step that changes paths the first ones.
fn cut(machine: &Machine, to: u8, steps: &[Step], paths: Option<usize>) -> usize {
    let place = machine.place(to);
    let running = mark(to);
    let own = place.own().unwrap();
    let start = place.start(&own, machine.marks().unwrap()).unwrap().unwrap();
    let plan = plan_state(&start.base, &start.mine, &own.machine);
    let layout = &place.layout;
    let work =
        Work { layout, running: &running, own: &own, plan: &plan, mine: &start.mine, marks: start.marks };
    work.run(steps).unwrap();
    if let Some(paths) = paths {
        work.change(paths).unwrap();
    }
    plan.actions.len()
}

/// A machine before a boot that changes `/var`: from version 1 to 2, or back.
fn ready(is_back: bool) -> (Machine, u8, u8) {
    let machine = Machine::installed("cut");
    machine.use_it();
    if is_back {
        machine.boot(2);
        put(&machine.var(), "lib/new/y", "mine");
        return (machine, 2, 1);
    }
    (machine, 1, 2)
}

/// All places at which the power can go: steps, and paths of the step after them.
fn places(is_back: bool) -> Vec<(usize, Option<usize>)> {
    let (machine, _, to) = ready(is_back);
    let change = FOLLOW.iter().position(|step| *step == Step::Change).unwrap();
    let paths = cut(&machine, to, &[], None);
    assert!(paths > 5, "{paths}");
    let steps = (0..=FOLLOW.len()).map(|count| (count, None));
    steps.chain((0..=paths).map(|count| (change, Some(count)))).collect()
}

#[test]
fn after_each_cut_each_path_is_old_or_new_and_the_next_boot_finishes() {
    if !is_root() {
        return;
    }
    for is_back in [false, true] {
        let (whole, _, to) = ready(is_back);
        let old = whole.tree();
        whole.boot(to);
        let new = whole.tree();
        for (steps, paths) in places(is_back) {
            let (machine, _, to) = ready(is_back);
            cut(&machine, to, &FOLLOW[..steps], paths);
            let between = machine.tree();
            for path in old.paths().chain(new.paths()).chain(between.paths()) {
                let is = between.get(path);
                assert!(is == old.get(path) || is == new.get(path), "{path} after {steps} {paths:?}");
            }
            machine.boot(to);
            assert_eq!(machine.tree(), new, "after {steps} {paths:?}");
            // A cut after the last mark leaves what the next change removes.
            machine.boot(3 - to);
            assert_eq!(machine.beside(), [mark(3 - to).id()]);
        }
    }
}

/// The version that the power cut stopped may be one that never starts again.
#[test]
fn after_each_cut_the_version_before_takes_back_what_was_done() {
    if !is_root() {
        return;
    }
    let (untouched, _, _) = ready(false);
    let old = untouched.tree();
    for (steps, paths) in places(false) {
        let (machine, from, to) = ready(false);
        cut(&machine, to, &FOLLOW[..steps], paths);
        machine.try_boot(from, false).unwrap();
        assert_eq!(machine.tree(), old, "after {steps} {paths:?}");
        assert_eq!(machine.marks(), Some(Marks::at(mark(from))));
        // Forward again.
        machine.boot(to);
        is_of_version_2(&machine);
    }
}

#[test]
fn a_third_version_takes_over_after_each_cut() {
    if !is_root() {
        return;
    }
    for (steps, paths) in places(false) {
        let (machine, _, to) = ready(false);
        put(&machine.image(3), "lib/app/seed", "3");
        put(&machine.image(3), "lib/app/db", "3");
        cut(&machine, to, &FOLLOW[..steps], paths);
        machine.boot(3);
        has_what_the_machine_wrote(&machine);
        assert_eq!(machine.text("lib/app/seed").unwrap(), "3", "after {steps} {paths:?}");
        for path in ["lib/app/more", "lib/app/conf", "lib/new", "lib/old", "log"] {
            assert!(!machine.var().join(path).exists(), "{path} after {steps} {paths:?}");
        }
    }
}

/// Of what a step makes or removes there may be a part.
#[test]
fn what_is_half_made_is_no_obstacle() {
    if !is_root() {
        return;
    }
    for name in ["next", "draft"] {
        for count in 0..FOLLOW.len() {
            let (machine, _, to) = ready(false);
            cut(&machine, to, &FOLLOW[..count], None);
            put(&machine.own().join(name), "lib/new/deep/half", "");
            machine.boot(to);
            is_of_version_2(&machine);
            assert!(!machine.var().join("lib/new/deep/half").exists());
        }
    }
}

#[test]
fn a_first_boot_that_is_cut_is_finished_by_the_next() {
    if !is_root() {
        return;
    }
    for count in 0..=NOTE.len() {
        let machine = Machine::empty("note");
        machine.fill(1);
        let (place, running, mine) = (machine.place(1), mark(1), Tree::default());
        let own = place.own().unwrap();
        let plan = plan_state(&own.machine, &own.machine, &own.machine);
        let work = Work {
            layout: &place.layout,
            running: &running,
            own: &own,
            plan: &plan,
            mine: &mine,
            marks: None,
        };
        work.run(&NOTE[..count]).unwrap();
        machine.boot(1);
        machine.boot(2);
        assert_eq!(machine.text("lib/app/seed").unwrap(), "2", "after {count}");
    }
}

//! A power cut after each step, and after each path.

use super::*;
use crate::volume::rollback::steps::{COPY, Copying, exchange};

/// Does the first steps of the copy only.
fn cut(machine: &Machine, count: usize) {
    let (of, trial, asked) = (mark(1), mark(2), paths());
    let layout = Layout::new(&machine.0);
    Copying { layout: &layout, of: &of, trial: &trial, asked: &asked }.steps(&COPY[..count]).unwrap();
}

#[test]
fn a_copy_that_is_cut_is_made_by_the_next_try() {
    if !is_root() {
        return;
    }
    for count in 0..=COPY.len() {
        let machine = Machine::new("copy");
        let before = machine.tree();
        cut(&machine, count);
        assert_eq!(machine.tree(), before);
        machine.start(2, true);
        machine.migrate();
        machine.start(1, false);
        assert_eq!(listed(&machine.tree()), listed(&before), "after {count}");
        assert_eq!(machine.beside(), ["aside"]);
    }
}

#[test]
fn a_copy_that_is_cut_leaves_nothing_for_the_version_before() {
    if !is_root() {
        return;
    }
    for count in 0..=COPY.len() {
        let machine = Machine::new("copied");
        let before = machine.tree();
        cut(&machine, count);
        machine.start(1, false);
        assert_eq!(machine.tree(), before, "after {count}");
        assert!(machine.beside().iter().all(|name| name == "aside"), "{:?}", machine.beside());
    }
}

/// A copy of which a part is gone already is not put back.
#[test]
fn a_copy_that_is_half_removed_is_not_used() {
    if !is_root() {
        return;
    }
    let machine = Machine::new("forgotten");
    machine.start(2, true);
    machine.migrate();
    let migrated = machine.tree();
    // As a removal begins.
    fs::rename(machine.own().join("before"), machine.own().join("copy")).unwrap();
    remove(&machine.own().join("copy/0")).unwrap();
    machine.start(1, false);
    assert_eq!((machine.tree(), machine.beside()), (migrated, Vec::new()));
}

#[test]
fn what_is_put_back_in_part_is_finished_by_the_next_boot() {
    if !is_root() {
        return;
    }
    for count in 0..=PATHS.len() {
        for times in 1..3 {
            let machine = Machine::new("exchange");
            let before = machine.tree();
            machine.start(2, true);
            machine.migrate();
            let layout = Layout::new(&machine.0);
            let note = layout.note().unwrap().flatten().unwrap();
            // More than one boot may be cut.
            (0..times).for_each(|_| assert_eq!(exchange(&layout, &note, count), 0));
            machine.start(1, false);
            assert_eq!(listed(&machine.tree()), listed(&before), "after {count}");
            assert_eq!(text(&machine.own().join("aside/0/app/db")), "migrated");
            assert_eq!(machine.beside(), ["aside"]);
        }
    }
}

/// The last steps: everything is put back, and the note is still there, or not any more.
#[test]
fn what_was_put_back_is_not_exchanged_once_more() {
    if !is_root() {
        return;
    }
    let machine = Machine::new("last");
    machine.start(2, true);
    machine.migrate();
    let (layout, before) = (Layout::new(&machine.0), machine.own().join("before"));
    let note = layout.note().unwrap().flatten().unwrap();
    exchange(&layout, &note, usize::MAX);
    fs::rename(&before, machine.own().join("aside")).unwrap();
    let state = machine.tree();
    machine.start(1, false);
    assert_eq!((machine.tree(), machine.beside()), (state, vec!["aside".to_owned()]));
}

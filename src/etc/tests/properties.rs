//! What holds of each plan, and that each is the one that the oracle says.

use std::sync::LazyLock;

use crate::etc::tests::apply::apply;
use crate::etc::tests::generate::{Random, changed, tree};
use crate::etc::tests::oracle;
use crate::etc::tests::sample::first;
use crate::etc::{Action, Kind, Path, Plan, Tree, is_machines};

const COUNT: u64 = 2000;

/// Base, mine and new: changed a little or much, or without anything in common.
fn trees(seed: u64) -> [Tree; 3] {
    let mut random = Random::new(seed);
    let base = tree(&mut random);
    let rate = random.one_of(&[2, 4, 8, 16]);
    let mine = changed(&base, &mut random, rate);
    let new = if random.one_in(10) { tree(&mut random) } else { changed(&base, &mut random, rate) };
    [base, mine, new]
}

/// All of them with their plans, made once for all tests.
static ALL: LazyLock<Vec<([Tree; 3], Plan)>> = LazyLock::new(|| {
    let all = (0..COUNT).map(trees).map(|trees| {
        let [base, mine, new] = &trees;
        let plan = first(base, mine, new);
        (trees, plan)
    });
    all.collect()
});

pub(super) fn each(mut check: impl FnMut(usize, &[Tree; 3], &Plan)) {
    for (seed, (trees, plan)) in ALL.iter().enumerate() {
        check(seed, trees, plan);
    }
}

#[test]
fn the_result_is_the_oracles() {
    each(|seed, [base, mine, new], plan| {
        assert_eq!(plan.result, oracle::result(base, mine, new), "{seed}\n{plan}");
    });
}

#[test]
fn the_steps_make_the_result_and_nothing_is_done_twice() {
    each(|seed, [_, mine, new], plan| {
        assert_eq!(apply(plan, mine), plan.result, "{seed}\n{plan}");
        let paths: Vec<&Path> = plan
            .actions
            .iter()
            .filter(|action| !matches!(action, Action::Remove(_)))
            .map(Action::path)
            .collect();
        assert!(paths.is_sorted_by(|one, other| one < other), "{seed}\n{plan}");
        // Nothing comes from anywhere else.
        assert!(
            plan.actions.iter().all(|action| mine.get(action.path()).or(new.get(action.path())).is_some())
        );
    });
}

#[test]
fn a_second_plan_has_nothing_to_do() {
    each(|seed, [_, _, new], plan| {
        let again = first(new, &plan.result, new);
        assert_eq!(again.to_string(), "", "{seed}\n{plan}");
        assert_eq!(again.result, plan.result, "{seed}");
    });
}

#[test]
fn an_image_that_did_not_change_changes_nothing() {
    each(|seed, [base, mine, _], _| {
        let plan = first(base, mine, base);
        assert_eq!((plan.to_string(), &plan.result), (String::new(), mine), "{seed}");
    });
}

#[test]
fn a_machine_that_changed_nothing_becomes_the_image() {
    each(|seed, [base, _, new], _| {
        let plan = first(base, base, new);
        assert!(
            plan.conflicts.iter().all(|conflict| is_blamed_on_the_machine(&conflict.path, base)),
            "{seed}\n{plan}"
        );
        for path in base.paths().chain(new.paths()) {
            let stays = is_blamed_on_the_machine(path, base);
            assert!(stays || plan.result.get(path) == new.get(path), "{seed} {path}\n{plan}");
        }
    });
}

/// The machine's own files are not the image's to change, and neither are the directories with them.
fn is_blamed_on_the_machine(path: &Path, base: &Tree) -> bool {
    let own = base.paths().filter(|path| is_machines(path));
    own.into_iter().any(|own| own.is_within(path)) || is_machines(path)
}

#[test]
fn what_the_owner_made_is_there_afterwards() {
    each(|seed, [base, mine, _], plan| {
        for (path, node) in mine.iter().filter(|(path, _)| base.get(path).is_none()) {
            let there = plan.result.get(path).unwrap_or_else(|| panic!("{seed} {path}\n{plan}"));
            let is_list = matches!(node.kind, Kind::File(_)) && path.bytes() == b"shells";
            let is_kept = there.kind == node.kind || is_list || path.bytes() == b"ld.so.cache";
            assert!(is_kept, "{seed} {path}\n{plan}");
        }
    });
}

#[test]
fn links_are_never_followed() {
    each(|seed, [base, mine, new], plan| {
        // With other targets everything else is the same.
        let [other_base, other_mine, other_new] = [base, mine, new].map(retargeted);
        let other = first(&other_base, &other_mine, &other_new);
        assert_eq!(other.result, retargeted(&plan.result), "{seed}");
        assert_eq!(other.to_string(), plan.to_string(), "{seed}");
    });
}

fn retargeted(tree: &Tree) -> Tree {
    let mut other = Tree::default();
    for (path, node) in tree.iter() {
        let mut node = node.clone();
        if let Kind::Link(target) = &mut node.kind {
            target.extend(b"/../elsewhere");
        }
        other.insert(path.clone(), node).unwrap();
    }
    other
}

#[test]
fn a_third_version_starts_from_what_the_second_left() {
    each(|seed, [_, _, two], plan| {
        let three = changed(two, &mut Random::new(u64::MAX - seed as u64), 4);
        let mine = &plan.result;
        let plan = first(two, mine, &three);
        assert_eq!(plan.result, oracle::result(two, mine, &three), "{seed}\n{plan}");
        assert_eq!(apply(&plan, mine), plan.result, "{seed}\n{plan}");
    });
}

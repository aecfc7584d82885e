//! Plans of a `/var`.

use super::apply::apply;
use super::generate::{Random, changed, tree as any};
use super::sample::{owned, path, tree, with, without};
use crate::boot::usr::UsrHash;
use crate::etc::{
    Action, Before, Done, Kind, Mark, Marks, Meta, Node, Path, Plan, Tree, Unknown, before, mixed,
    plan_state, renumber_for,
};

/// The machine's paths that the image has in either version: all that is read of `/var`.
fn seen(mine: &Tree, base: &Tree, new: &Tree) -> Tree {
    let mut seen = Tree::default();
    for (path, node) in mine.iter() {
        if base.get(path).or(new.get(path)).is_some() {
            seen.insert(path.clone(), node.clone()).unwrap();
        }
    }
    seen
}

fn names(plan: &Plan) -> String {
    plan.actions.iter().map(|action| format!("{action}\n")).collect()
}

#[test]
fn what_the_machine_left_alone_follows_and_nothing_else_does() {
    let base = tree(&[
        ("lib/app/seed", "1"),
        ("lib/app/db", "1"),
        ("lib/gone", "1"),
        ("lib/empty", "/"),
        ("lib/kept", "1"),
    ]);
    let mine = with(without(&base, "lib/kept"), "lib/app/db", "mine");
    let new = tree(&[
        ("lib/app/seed", "2"),
        ("lib/app/db", "2"),
        ("lib/app/more", "2"),
        ("lib/kept", "2"),
        ("lib/other/x", "2"),
    ]);
    let plan = plan_state(&base, &mine, &new);
    assert_eq!(
        names(&plan),
        "remove      lib/gone\nremove      lib/empty\ntake        lib/app/more\ntake        lib/app/seed\n\
         take        lib/other/\ntake        lib/other/x\n"
    );
    let done = Done { plan: &plan, kept: 0 }.to_string();
    assert_eq!(done, "4 taken, 2 removed; 2 that the machine changed stay");
    let nothing = plan_state(&new, &new, &new);
    assert_eq!(Done { plan: &nothing, kept: 0 }.to_string(), "nothing changes");
}

/// No name is known here: a database of users below `/var` is a file like any other.
#[test]
fn no_path_has_a_rule_of_its_own() {
    let files = |text: &str| {
        tree(&[("passwd", text), ("machine-id", text), ("ld.so.cache", text), ("shells", text), ("a", text)])
    };
    let plan = plan_state(&files("1\n"), &files("1\n"), &files("2\n"));
    assert_eq!(plan.result, files("2\n"));
    let plan = plan_state(&files("1\n"), &files("1\nmine\n"), &files("1\nimage\n"));
    assert_eq!((plan.actions.len(), plan.conflicts.len()), (0, 5));
}

#[test]
fn a_file_with_other_attributes_was_changed_and_a_directory_has_each_by_itself() {
    let base = tree(&[("lib/app/db", "1")]);
    let mine = owned(owned(base.clone(), "lib/app/db", 0, 0, 0o600), "lib/app", 0, 0, 0o700);
    let new = owned(with(base.clone(), "lib/app/db", "2"), "lib/app", 7, 7, 0o755);
    let plan = plan_state(&base, &mine, &new);
    assert_eq!(names(&plan), "attributes  lib/app\n");
    assert_eq!(plan.result, owned(mine, "lib/app", 7, 7, 0o700));
}

#[test]
fn what_is_something_else_stays() {
    let base = tree(&[("dir/x", "1"), ("file", "1"), ("link", "-> a"), ("other", "1")]);
    let new = tree(&[("dir", "-> elsewhere"), ("file/x", "2"), ("link", "2"), ("other", "-> b")]);
    let plan = plan_state(&base, &base, &new);
    // A file and a link take each other's place at once. A directory can't.
    assert_eq!(plan.result, tree(&[("dir", "/"), ("file", "1"), ("link", "2"), ("other", "-> b")]));
    let mine = tree(&[("dir", "-> /etc"), ("file", "1")]);
    let plan = plan_state(&base, &mine, &with(base.clone(), "dir/y", "2"));
    assert_eq!((plan.actions, plan.result.get(&path("dir/y"))), (Vec::new(), None));
}

fn fifo() -> Node {
    let meta = Meta { owner: 0, group: 0, mode: 0o600, attributes: [].into() };
    Node { kind: Kind::Special { form: 0o010_000, device: 0 }, meta }
}

#[test]
fn a_special_file_is_made_and_never_removed() {
    let mut with = Tree::default();
    with.insert(path("initctl"), fifo()).unwrap();
    assert_eq!(plan_state(&Tree::default(), &Tree::default(), &with).result, with);
    assert_eq!(plan_state(&with, &with, &Tree::default()).result, with);
}

/// Base, mine and new, of many kinds.
fn each(mut check: impl FnMut(&Tree, &Tree, &Tree, &Plan, u64)) {
    for seed in 0..2000 {
        let mut random = Random::new(seed);
        let base = any(&mut random);
        let rate = random.one_of(&[2, 4, 8, 16]);
        let (mine, new) = (changed(&base, &mut random, rate), changed(&base, &mut random, rate));
        let mine = seen(&mine, &base, &new);
        check(&base, &mine, &new, &plan_state(&base, &mine, &new), seed);
    }
}

#[test]
fn whatever_the_trees_are_nothing_that_the_machine_changed_is_lost() {
    each(|base, mine, new, plan, seed| {
        assert_eq!(apply(plan, mine), plan.result, "{seed}\n{plan}");
        for (path, node) in mine.iter() {
            let is_same = base.get(path) == Some(node) || new.get(path) == Some(node);
            let becomes = plan.result.get(path);
            // Of a directory the attributes may follow.
            let stays = becomes.is_some_and(|other| other == node || *node.kind.name() == *"directory");
            assert!(is_same || stays, "{seed}: {path}\n{plan}");
            assert!(
                becomes.is_none_or(|other| (other.kind == Kind::Directory) == (node.kind == Kind::Directory))
            );
        }
        for action in &plan.actions {
            // Nothing is merged, and a file changes as a whole: into the image's.
            assert!(!matches!(action, Action::Write(..)), "{seed}\n{plan}");
            let is_directory =
                |tree: &Tree| tree.get(action.path()).is_some_and(|node| node.kind == Kind::Directory);
            if !matches!(action, Action::Remove(_)) && !is_directory(&plan.result) {
                assert_eq!(plan.result.get(action.path()), new.get(action.path()), "{seed}\n{plan}");
            }
        }
    });
}

#[test]
fn an_untouched_var_becomes_the_new_one_but_for_what_is_something_else() {
    each(|base, _, new, _, seed| {
        let plan = plan_state(base, base, new);
        let is_directory = |node: Option<&Node>| node.is_some_and(|node| node.kind == Kind::Directory);
        for path in base.paths().chain(new.paths()) {
            let all: Vec<Path> = path.ancestors().chain([path.clone()]).collect();
            let is_odd = |path: &Path| {
                let (old, new) = (base.get(path), new.get(path));
                let is_special =
                    |node: Option<&Node>| node.is_some_and(|node| matches!(node.kind, Kind::Special { .. }));
                (old.is_some() && new.is_some() && is_directory(old) != is_directory(new)) || is_special(old)
            };
            // A special file that stays keeps its directories.
            let holds = base.paths().any(|below| below.is_within(path) && is_odd(below));
            if !all.iter().any(is_odd) && !holds {
                assert_eq!(plan.result.get(path), new.get(path), "{seed}: {path}\n{plan}");
            }
        }
    });
}

/// However many of the steps were done: whichever version starts next, it comes to what it would have.
#[test]
fn a_plan_that_was_cut_is_finished_or_taken_back() {
    each(|base, mine, new, plan, seed| {
        let count = usize::try_from(seed).unwrap() % (plan.actions.len() + 1);
        let part = Plan { actions: plan.actions.iter().take(count).cloned().collect(), ..plan.clone() };
        let cut = apply(&part, mine);
        let from = mixed(&[base.clone(), new.clone()], &cut);
        assert_eq!(plan_state(&from, &cut, new).result, plan.result, "{seed} {count}\n{plan}");
        // Back again, each path is as if there had been no plan, or as if all of it had been carried out.
        let (back, whole) = (plan_state(&from, &cut, base), plan_state(new, &plan.result, base));
        for path in base.paths().chain(new.paths()) {
            let is = back.result.get(path);
            // Both sides changed attributes of a directory.
            let is_merged =
                is.is_some_and(|node| node.kind == Kind::Directory) && mine.get(path) != base.get(path);
            let is_one = is == mine.get(path) || is == whole.result.get(path);
            assert!(is_one || is_merged, "{seed} {count}: {path}\n{plan}");
        }
    });
}

fn mark(digit: &str) -> Mark {
    Mark::of(&UsrHash::parse(&digit.repeat(64)).unwrap(), &format!("0.0.{digit}"))
}

#[test]
fn a_mark_says_of_which_versions_the_paths_are() {
    let (one, two, three) = (mark("1"), mark("2"), mark("3"));
    let at_one = Marks::at(one.clone());
    let between = at_one.clone().towards(&two);
    assert_eq!(between, between.clone().towards(&one));
    assert_eq!(Marks::parse(&between.bytes()), Some(between.clone()));
    assert_eq!((between.began(), between.iter().count()), ("0.0.1 (11111111)".to_owned(), 2));
    assert_eq!(between.clone().towards(&three).iter().count(), 3);
    assert_eq!(before(Some(&at_one.bytes()), &one, false), Before::Nothing);
    assert_eq!(before(Some(&at_one.bytes()), &two, false), Before::Kept(at_one.clone()));
    // Neither of both is at its end.
    for running in [&one, &two] {
        assert_eq!(before(Some(&between.bytes()), running, false), Before::Kept(between.clone()));
    }
    assert_eq!(before(None, &one, true), Before::Running);
    assert_eq!(before(None, &one, false), Before::Unknown(Unknown::Unmarked));
    let many = [&one.bytes()[..], b"\n"].concat().repeat(9);
    for text in [&b"x"[..], b"", &[&one.bytes()[..], b"\n"].concat(), &many[..many.len() - 1]] {
        assert_eq!(before(Some(text), &one, false), Before::Unknown(Unknown::Misread), "{text:?}");
    }
}

#[test]
fn the_images_files_get_the_numbers_that_their_names_have_on_the_machine() {
    let machine = tree(&[
        ("passwd", "root:x:0:0::/:\napp:x:990:990::/:\nme:x:995:995::/:\n"),
        ("group", "root:x:0:\napp:x:990:\nme:x:995:\n"),
    ]);
    let image = tree(&[
        ("passwd", "root:x:0:0::/:\napp:x:995:995::/:\ngone:x:990:990::/:\nalone:x:800:800::/:\n"),
        ("group", "root:x:0:\napp:x:995:\ngone:x:990:\nalone:x:800:\n"),
    ]);
    let files = ["root", "app", "gone", "alone"];
    let with_owners = |numbers: [u32; 4]| {
        let all = files.iter().zip(numbers);
        all.fold(Tree::default(), |tree, (name, number)| {
            owned(with(tree, name, ""), name, number, number, 0o644)
        })
    };
    let mut var = with_owners([0, 995, 990, 800]);
    renumber_for(&machine, &image, &mut var);
    // Somebody that the machine does not have is nobody, unless the number is free.
    assert_eq!(var, with_owners([0, 990, 65534, 800]));
    let mut var = with_owners([0, 995, 990, 800]);
    renumber_for(&Tree::default(), &image, &mut var);
    assert_eq!(var, with_owners([0, 995, 990, 800]));
}

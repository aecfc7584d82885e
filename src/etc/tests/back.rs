//! A fallback gives the tree from before, with what the owner changed meanwhile.

use crate::etc::tests::generate::{Random, changed};
use crate::etc::tests::properties::each;
use crate::etc::tests::sample::{first, text, tree, with, without};
use crate::etc::{Forth, Kind, Numbers, Path, Plan, Tree, back, has_text};

/// What becomes of the tree of a machine whose version 2 failed, back in version 1.
fn returned(base: &Tree, new: &Tree, before: &Tree, meanwhile: impl FnOnce(Tree) -> Tree) -> Plan {
    let forth = first(base, before, new);
    let had = Numbers::default();
    back(Forth { base, before, new, had: &had }, &meanwhile(forth.result), &forth.numbers)
}

#[test]
fn a_fallback_gives_the_tree_from_before_and_what_the_owner_changed_meanwhile() {
    let one = tree(&[("motd", "1"), ("issue.net", "1"), ("nanorc", "1"), ("ssh/a", "1"), ("x", "1")]);
    let two = with(with(without(&one, "issue.net"), "motd", "2"), "nanorc", "2");
    let two = with(with(two, "new/y", "2"), "systemd/system/m.target.wants/a.service", "-> /usr/a");
    let mine = with(without(&with(one.clone(), "nanorc", "mine"), "x"), "own", "mine");
    assert_eq!(returned(&one, &two, &mine, |tree| tree).result, mine);
    let meanwhile = |tree| with(with(tree, "hosts", "mine"), "ssh/a", "mine");
    let plan = returned(&one, &two, &mine, meanwhile);
    assert_eq!((plan.result, plan.conflicts), (meanwhile(mine.clone()), Vec::new()));
    // The owner edited what version 2 brought, and the edit stays.
    let plan = returned(&one, &two, &mine, |tree| with(tree, "new/y", "mine"));
    assert_eq!(plan.result, with(mine.clone(), "new/y", "mine"));
    assert_eq!(
        plan.conflicts.iter().map(ToString::to_string).collect::<Vec<_>>(),
        ["new/y: changed on this machine and removed from the image; it stays"]
    );
}

/// Nothing shows in the newer version's own whose change it was: what it began with on this machine does.
#[test]
fn what_the_owner_and_the_newer_version_had_changed_alike_stays_the_owners() {
    let one = tree(&[("motd", "1"), ("issue.net", "1"), ("old", "1")]);
    let two = with(without(&without(&one, "old"), "issue.net"), "motd", "2");
    let mine = with(without(&one, "old"), "motd", "2");
    assert_eq!(returned(&one, &two, &mine, |tree| tree).result, mine);
}

/// No account is lost: files may belong to it.
#[test]
fn accounts_of_the_newer_version_stay() {
    let one = tree(&[("passwd", "root:x:0:0::/root:/bin/sh\n")]);
    let two = tree(&[("passwd", "root:x:0:0::/root:/bin/sh\nnew:x:900:900::/:/bin/false\n")]);
    let mine = with(one.clone(), "passwd", "root:x:0:0::/root:/bin/sh\nme:x:1000:1000::/home/me:/bin/sh\n");
    let all = "root:x:0:0::/root:/bin/sh\nme:x:1000:1000::/home/me:/bin/sh\nnew:x:900:900::/:/bin/false\n";
    assert_eq!(text(&returned(&one, &two, &mine, |tree| tree).result, "passwd"), all);
}

/// Only users and groups of the newer version stay.
#[test]
fn thousands_of_trees_come_back_as_they_were() {
    each(|seed, [base, mine, new], _| {
        let result = returned(base, new, mine, |tree| tree).result;
        for path in mine.paths().chain(result.paths()).filter(|path| !is_accounts(path)) {
            assert_eq!(result.get(path), mine.get(path), "{seed} {path}");
        }
    });
}

/// What the owner wrote meanwhile is there afterwards.
#[test]
fn of_thousands_of_changed_trees_no_change_is_lost() {
    let mut kept = 0;
    each(|seed, [base, before, new], plan| {
        let mine = changed(&plan.result, &mut Random::new(seed as u64), 8);
        let result = returned(base, new, before, |_| mine.clone()).result;
        for path in mine.paths().filter(|path| !has_text(path) && path.bytes() != b"ld.so.cache") {
            let content = |tree: &Tree| {
                tree.get(path).map(|node| node.kind.clone()).filter(|kind| *kind != Kind::Directory)
            };
            if content(&mine).is_some() && content(&mine) != content(&plan.result) {
                assert_eq!(content(&result), content(&mine), "{seed} {path}");
                kept += 1;
            }
        }
    });
    assert!(kept > 1000, "{kept} changes");
}

fn is_accounts(path: &Path) -> bool {
    [&b"passwd"[..], b"group", b"shadow", b"gshadow", b"subuid", b"subgid"].contains(&path.bytes())
}

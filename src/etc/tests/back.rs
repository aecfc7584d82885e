//! A fallback is a plan like each other: the version that failed is the base, and the one before is new.

use crate::etc::tests::properties::each;
use crate::etc::tests::sample::{first, text, tree, with, without};
use crate::etc::{Kind, Node, Tree, has_text, plan};

/// The tree of a machine whose version 2 failed, back in version 1.
fn back(one: &Tree, two: &Tree, mine: &Tree, meanwhile: impl Fn(&Tree) -> Tree) -> Tree {
    let forth = first(one, mine, two);
    let mine = meanwhile(&forth.result);
    plan(two, &mine, one, &forth.numbers).result
}

#[test]
fn a_fallback_gives_the_tree_from_before_and_what_the_owner_changed_meanwhile() {
    let one = tree(&[("motd", "1"), ("issue.net", "1"), ("nanorc", "1"), ("ssh/a", "1"), ("x", "1")]);
    let two = with(with(without(&one, "issue.net"), "motd", "2"), "nanorc", "2");
    let two = with(with(two, "new/y", "2"), "systemd/system/m.target.wants/a.service", "-> /usr/a");
    let mine = with(without(&with(one.clone(), "nanorc", "mine"), "x"), "own", "mine");
    assert_eq!(back(&one, &two, &mine, Tree::clone), mine);
    let meanwhile = |tree: &Tree| with(with(tree.clone(), "hosts", "mine"), "ssh/a", "mine");
    assert_eq!(back(&one, &two, &mine, meanwhile), meanwhile(&mine));
    // The owner edited what version 2 brought, and the edit stays.
    let meanwhile = |tree: &Tree| with(tree.clone(), "new/y", "mine");
    assert_eq!(back(&one, &two, &mine, meanwhile), with(mine.clone(), "new/y", "mine"));
}

/// No account is lost: files may belong to it.
#[test]
fn accounts_of_the_newer_version_stay() {
    let one = tree(&[("passwd", "root:x:0:0::/root:/bin/sh\n")]);
    let two = tree(&[("passwd", "root:x:0:0::/root:/bin/sh\nnew:x:900:900::/:/bin/false\n")]);
    let mine = with(one.clone(), "passwd", "root:x:0:0::/root:/bin/sh\nme:x:1000:1000::/home/me:/bin/sh\n");
    let all = "root:x:0:0::/root:/bin/sh\nme:x:1000:1000::/home/me:/bin/sh\nnew:x:900:900::/:/bin/false\n";
    assert_eq!(text(&back(&one, &two, &mine, Tree::clone), "passwd"), all);
}

/// Where a fallback does not give what was there before, both sides had done the same, or it is a file that is merged by
/// entry or made from what the image has, or it is a directory that came back for something in it.
#[test]
fn thousands_of_trees_come_back_but_for_what_both_sides_had_done_alike() {
    let (mut same, mut other) = (0, 0);
    each(|seed, [base, mine, new], _| {
        let result = back(base, new, mine, Tree::clone);
        for path in mine.paths().chain(result.paths()) {
            if mine.get(path) == result.get(path) {
                same += 1;
                continue;
            }
            other += 1;
            let nodes = [base, mine, new].map(|tree| tree.get(path));
            let is_directory = |node: Option<&Node>| node.is_some_and(|node| node.kind == Kind::Directory);
            let is_made_for_others = nodes.into_iter().any(is_directory) || is_directory(result.get(path));
            let is_known = has_text(path) || path.bytes() == b"ld.so.cache" || is_alike(nodes);
            assert!(is_known || is_made_for_others, "{seed} {path}: {nodes:?} {:?}", result.get(path));
        }
    });
    assert!(same > 40 * other, "{same} came back, and {other} did not");
}

/// The owner made a change that the image makes, too: afterwards nothing shows whose it is.
fn is_alike([base, mine, new]: [Option<&Node>; 3]) -> bool {
    if mine == new {
        return base != mine;
    }
    let (Some(mine), Some(new)) = (mine, new) else { return false };
    let is =
        |part: &dyn Fn(&Node, &Node) -> bool| part(mine, new) && base.is_none_or(|base| !part(base, mine));
    let mut names =
        mine.meta.attributes.keys().chain(base.into_iter().flat_map(|base| base.meta.attributes.keys()));
    is(&|one, other| one.kind == other.kind)
        || is(&|one, other| one.meta.owner == other.meta.owner)
        || is(&|one, other| one.meta.group == other.meta.group)
        || is(&|one, other| one.meta.mode == other.meta.mode)
        || names
            .any(|name| is(&|one, other| one.meta.attributes.get(name) == other.meta.attributes.get(name)))
}

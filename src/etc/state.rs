//! `/var` that follows the image. What the machine writes there is its own: a changed file is not a conflict.
//! Only paths that one of the image's versions has are compared, because all of `/var` may be very much.

mod mark;
mod summary;

use std::collections::BTreeMap;

use super::attributes;
use super::conflict::Reason;
use super::decide::{Decision, Sides, Wanted};
use super::path::Path;
use super::plan::{Plan, compare};
use super::tree::{Kind, Node, Tree};
use super::{Choice, choose};

pub use mark::{Before, Marks, before};
pub use summary::Done;

/// Decides what becomes of the machine's `/var`. `mine` has the paths of the other two alone, and all have the
/// machine's numbers of users and groups.
#[must_use]
pub fn plan_state(base: &Tree, mine: &Tree, new: &Tree) -> Plan {
    compare(base, mine, new, &|_, sides| decide(sides))
}

/// Returns what `/var` came from, if it was on its way between versions: a path that is as one of them has it came
/// from that one, and the last of those counts. Any other came from the first.
#[must_use]
pub fn mixed(versions: &[Tree], mine: &Tree) -> Tree {
    let Some((first, later)) = versions.split_first() else { return Tree::default() };
    let paths = versions.iter().flat_map(Tree::paths);
    let nodes = paths.filter_map(|path| {
        let same = later.iter().rev().find(|tree| tree.get(path) == mine.get(path));
        let node = same.unwrap_or(first).get(path)?;
        Some((path.clone(), node.clone()))
    });
    Tree::of(nodes.collect::<BTreeMap<Path, Node>>())
}

fn decide(sides: Sides<'_>) -> Decision {
    let mine = if sides.mine.is_some() { Wanted::Mine } else { Wanted::Nothing };
    match (choose(&sides.base, &sides.mine, &sides.new), sides.mine, sides.new) {
        (Choice::Mine, ..) => (mine, Vec::new()),
        (_, Some(my), Some(new)) if my.is_directory() && new.is_directory() => directory(sides.base, my, new),
        (Choice::Image, Some(my), _) if !may_go(my, sides.new) => (mine, vec![Reason::Kind]),
        (Choice::Image, _, Some(_)) => (Wanted::Image, Vec::new()),
        (Choice::Image, _, None) => (Wanted::Nothing, Vec::new()),
        (Choice::Both, None, _) => (mine, vec![Reason::Removed]),
        (Choice::Both, _, None) => (mine, vec![Reason::Withdrawn]),
        (Choice::Both, ..) => (mine, vec![Reason::Content]),
    }
}

/// Returns whether what the machine did not change may be replaced or removed. A directory may have something else
/// in it, and is only removed if it is empty.
fn may_go(my: &Node, new: Option<&Node>) -> bool {
    match (&my.kind, new.map(|node| &node.kind)) {
        (Kind::Directory, new) => new.is_none(),
        (Kind::File(_) | Kind::Link(_), new) => new != Some(&Kind::Directory),
        (Kind::Special { .. }, new) => new.is_some_and(|new| new.is_like(&my.kind)),
    }
}

/// A directory is there on both sides: its attributes follow, each by itself.
fn directory(base: Option<&Node>, my: &Node, new: &Node) -> Decision {
    let before = base.filter(|base| base.is_directory()).map(|node| &node.meta);
    let (meta, conflicts) = attributes::merge(before, &my.meta, &new.meta);
    let wanted =
        if meta == my.meta { Wanted::Mine } else { Wanted::Made(Node { kind: Kind::Directory, meta }) };
    (wanted, conflicts)
}

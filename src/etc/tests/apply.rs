//! Does the steps of a plan one by one, as strictly as a file system.

use std::collections::BTreeMap;

use crate::etc::{Action, Node, Path, Plan, Tree};

/// The tree that the steps make. A step that a file system would refuse panics.
pub(super) fn apply(plan: &Plan, mine: &Tree) -> Tree {
    let mut nodes: BTreeMap<Path, Node> =
        mine.iter().map(|(path, node)| (path.clone(), node.clone())).collect();
    for action in &plan.actions {
        match action {
            Action::Remove(path) => {
                assert!(!has_entries(&nodes, path), "{path} is not empty");
                assert!(nodes.remove(path).is_some(), "{path} is not there");
            }
            Action::Take(path, node) | Action::Write(path, node) => {
                let is_in_directory =
                    path.parent().is_none_or(|parent| nodes.get(&parent).is_some_and(Node::is_directory));
                assert!(is_in_directory, "{path} is not in a directory");
                let old = nodes.insert(path.clone(), node.clone());
                // rename(2) replaces a file, and nothing replaces a directory.
                assert!(old.is_none_or(|old| !old.is_directory() && !node.is_directory()), "{path} is there");
            }
            Action::Attributes(path, meta) => nodes.get_mut(path).unwrap().meta = meta.clone(),
        }
    }
    let mut tree = Tree::default();
    for (path, node) in nodes {
        tree.insert(path, node).unwrap();
    }
    tree
}

fn has_entries(nodes: &BTreeMap<Path, Node>, path: &Path) -> bool {
    nodes.keys().any(|other| other != path && other.is_within(path))
}

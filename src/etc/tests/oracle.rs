//! What a plan must make of three trees, said as slowly and plainly as can be: a table of cases for each
//! path, and then one rule after the other until nothing changes.

use std::collections::BTreeMap;

use crate::etc::tests::sample::file;
use crate::etc::{Kind, Meta, Node, Path, Tree};

/// What is at a path, and whether the owner's is a part of it.
type Found = (Node, bool);

pub(super) fn result(base: &Tree, mine: &Tree, new: &Tree) -> Tree {
    let mut found: BTreeMap<Path, Found> = BTreeMap::new();
    for path in base.paths().chain(mine.paths()).chain(new.paths()) {
        if let Some(node) = wanted(path, base.get(path), mine.get(path), new.get(path)) {
            found.insert(path.clone(), node);
        }
    }
    while let Some((path, node)) = lost_directory(&found, mine) {
        found.insert(path, (node, true));
    }
    while let Some(path) = in_the_way(&found) {
        found.remove(&path);
    }
    while let Some(path) = missing_directory(&found) {
        found.insert(path.clone(), (new.get(&path).unwrap().clone(), false));
    }
    let mut tree = Tree::default();
    for (path, (node, _)) in found {
        tree.insert(path, node).unwrap();
    }
    tree
}

/// The table of cases.
fn wanted(path: &Path, base: Option<&Node>, mine: Option<&Node>, new: Option<&Node>) -> Option<Found> {
    let name = String::from_utf8_lossy(path.bytes()).into_owned();
    let keep = || mine.map(|node| (node.clone(), true));
    let take = || new.map(|node| (node.clone(), false));
    if name == "machine-id" || name == "ssh/ssh_host_rsa_key" {
        return keep();
    }
    match (base, mine, new) {
        (None, None, None) => None,
        // One side has it.
        (None, Some(_), None) => keep(),
        (None, None, Some(_)) => take(),
        // Both removed it, or one removed what the other left alone.
        (Some(_), None, None) => None,
        (Some(base), Some(mine), None) if base == mine => None,
        (Some(base), None, Some(new)) if base == new => None,
        // One removed what the other changed.
        (Some(_), Some(_), None) => keep(),
        (Some(_), None, Some(_)) if name == "ld.so.cache" => take(),
        (Some(_), None, Some(_)) => None,
        // All have it.
        (Some(base), Some(mine), Some(_)) if base == mine => take(),
        (Some(base), Some(_), Some(new)) if base == new => keep(),
        (_, Some(mine), Some(new)) if mine == new => keep(),
        (_, Some(_), Some(_)) if name == "ld.so.cache" => take(),
        (base, Some(mine), Some(new)) => {
            let node = both(&name, base, mine, new);
            let is_mine = node != *new;
            Some((node, is_mine))
        }
    }
}

/// Both changed it: content and attributes are looked at one by one.
fn both(name: &str, base: Option<&Node>, mine: &Node, new: &Node) -> Node {
    if sort(mine) != sort(new) {
        return mine.clone();
    }
    let base = base.filter(|base| sort(base) == sort(mine));
    let kind = match base {
        Some(base) if base.kind == mine.kind => new.kind.clone(),
        Some(base) if base.kind == new.kind => mine.kind.clone(),
        _ if name == "shells" && sort(mine) == 'f' => list(base, mine, new),
        _ => mine.kind.clone(),
    };
    let Some(base) = base else { return Node { kind, meta: mine.meta.clone() } };
    let (before, my, image) = (&base.meta, &mine.meta, &new.meta);
    let mut meta = Meta {
        owner: if my.owner == before.owner { image.owner } else { my.owner },
        group: if my.group == before.group { image.group } else { my.group },
        mode: if my.mode == before.mode { image.mode } else { my.mode },
        attributes: BTreeMap::new(),
    };
    for attribute in [b"user.a", b"user.b"].map(|name| name.to_vec()) {
        let get = |meta: &Meta| meta.attributes.get(&attribute).cloned();
        let value = if get(my) == get(before) { get(image) } else { get(my) };
        if let Some(value) = value {
            meta.attributes.insert(attribute, value);
        }
    }
    Node { kind, meta }
}

fn sort(node: &Node) -> char {
    match node.kind {
        Kind::File(_) => 'f',
        Kind::Directory => 'd',
        Kind::Link(_) => 'l',
        Kind::Special { .. } => 's',
    }
}

/// The lines of a list that both changed. No generated list has a line twice.
fn list(base: Option<&Node>, mine: &Node, new: &Node) -> Kind {
    let lines = |node: &Node| {
        let Kind::File(content) = &node.kind else { panic!() };
        let text = String::from_utf8(content.text().unwrap().to_vec()).unwrap();
        text.lines().map(str::to_owned).collect::<Vec<_>>()
    };
    let base = base.map(lines).unwrap_or_default();
    let (my, image) = (lines(mine), lines(new));
    let mut merged = Vec::new();
    for line in &my {
        if image.contains(line) || !base.contains(line) {
            merged.push(line.clone());
        }
    }
    for line in &image {
        if !my.contains(line) && !base.contains(line) {
            merged.push(line.clone());
        }
    }
    match [mine, new].into_iter().find(|node| lines(node) == merged) {
        Some(node) => node.kind.clone(),
        None => file(merged.iter().map(|line| format!("{line}\n")).collect::<String>().as_bytes(), true),
    }
}

/// A directory of the owner's that holds something of the owner's, and is not one any more.
fn lost_directory(found: &BTreeMap<Path, Found>, mine: &Tree) -> Option<(Path, Node)> {
    for (path, (_, is_mine)) in found {
        let Some(parent) = path.parent() else { continue };
        let is_there = found.get(&parent).is_some_and(|(node, _)| sort(node) == 'd');
        if *is_mine && !is_there {
            return Some((parent.clone(), mine.get(&parent).unwrap().clone()));
        }
    }
    None
}

/// Something of the image's below what is not a directory.
fn in_the_way(found: &BTreeMap<Path, Found>) -> Option<Path> {
    let is_below = |path: &Path| {
        path.ancestors().any(|above| found.get(&above).is_some_and(|(node, _)| sort(node) != 'd'))
    };
    found.keys().find(|path| is_below(path)).cloned()
}

/// The directory of something, which the owner removed.
fn missing_directory(found: &BTreeMap<Path, Found>) -> Option<Path> {
    found.keys().filter_map(Path::parent).find(|parent| !found.contains_key(parent))
}

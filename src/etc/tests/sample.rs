//! Trees written down in a few words.

use crate::etc::{Content, Kind, Meta, Node, Numbers, Path, Plan, Tree, has_text, plan};

pub(super) fn path(text: &str) -> Path {
    Path::new(text).unwrap()
}

/// `-> TARGET` is a link, `/` a directory, and everything else the content of a file. Directories above
/// are made.
pub(super) fn tree(entries: &[(&str, &str)]) -> Tree {
    entries.iter().fold(Tree::default(), |tree, (name, what)| with(tree, name, what))
}

/// The tree with something more, or something else.
pub(super) fn with(mut tree: Tree, name: &str, what: &str) -> Tree {
    let path = path(name);
    for above in path.ancestors() {
        if tree.get(&above).is_none() {
            tree.insert(above, node("/", true)).unwrap();
        }
    }
    let node = node(what, has_text(&path));
    tree.insert(path, node).unwrap();
    tree
}

/// The tree with other attributes of something.
pub(super) fn owned(mut tree: Tree, name: &str, owner: u32, group: u32, mode: u32) -> Tree {
    let mut node = tree.get(&path(name)).unwrap().clone();
    node.meta = Meta { owner, group, mode, ..node.meta };
    tree.insert(path(name), node).unwrap();
    tree
}

/// The tree without something, and what is in it.
pub(super) fn without(tree: &Tree, name: &str) -> Tree {
    let mut rest = Tree::default();
    for (path, node) in tree.iter().filter(|(path, _)| !path.is_within(&self::path(name))) {
        rest.insert(path.clone(), node.clone()).unwrap();
    }
    rest
}

/// As the reader of a file system makes it: only files whose format is known have their text.
pub(super) fn file(text: &[u8], has_text: bool) -> Kind {
    let content = Content::of_text(text);
    Kind::File(if has_text { content } else { Content::of_hash(*content.hash(), content.size()) })
}

fn node(what: &str, has_text: bool) -> Node {
    let (kind, mode) = match what.strip_prefix("-> ") {
        Some(target) => (Kind::Link(target.into()), 0o777),
        None if what == "/" => (Kind::Directory, 0o755),
        None => (file(what.as_bytes(), has_text), 0o644),
    };
    Node { kind, meta: Meta { owner: 0, group: 0, mode, attributes: [].into() } }
}

/// A plan on a machine of which nothing is known from before.
pub(super) fn first(base: &Tree, mine: &Tree, new: &Tree) -> Plan {
    plan(base, mine, new, &Numbers::default())
}

/// The text of a file.
pub(super) fn text<'a>(tree: &'a Tree, name: &str) -> &'a str {
    std::str::from_utf8(tree.text(&path(name)).unwrap()).unwrap()
}

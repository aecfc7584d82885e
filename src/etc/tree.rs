//! A directory tree as a value: what is at each path, without what a file system does with it. Two names of
//! one file (hard links) are two files here, and times are not looked at.

use std::collections::BTreeMap;
use std::fmt;

use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use super::path::Path;

/// Extended attributes, with access control lists and capabilities.
pub type Attributes = BTreeMap<Vec<u8>, Vec<u8>>;

/// Whom something belongs to, and who may do what with it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Meta {
    /// The user's number.
    pub owner: u32,
    /// The group's number.
    pub group: u32,
    /// Permissions, with set-user-ID, set-group-ID and sticky bit.
    pub mode: u32,
    /// Extended attributes by name.
    pub attributes: Attributes,
}

/// The content of a file. Two are equal if their hashes are.
#[derive(Clone)]
pub struct Content {
    hash: [u8; 32],
    /// Bytes.
    size: u64,
    /// May have secrets, such as hashes of passwords.
    text: Option<Zeroizing<Vec<u8>>>,
}

impl Content {
    /// Takes a content whose SHA-256 is known, and how many bytes it has.
    #[must_use]
    pub const fn of_hash(hash: [u8; 32], size: u64) -> Self {
        Self { hash, size, text: None }
    }

    /// Takes a content that may have to be merged.
    #[must_use]
    pub fn of_text(text: impl Into<Vec<u8>>) -> Self {
        let text = Zeroizing::new(text.into());
        Self { hash: Sha256::digest(&text[..]).into(), size: text.len() as u64, text: Some(text) }
    }

    /// Returns the SHA-256.
    #[must_use]
    pub const fn hash(&self) -> &[u8; 32] {
        &self.hash
    }

    /// Returns how many bytes it has.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// Returns the content itself, if it is known.
    #[must_use]
    pub fn text(&self) -> Option<&[u8]> {
        self.text.as_ref().map(|text| &text[..])
    }
}

impl PartialEq for Content {
    fn eq(&self, other: &Self) -> bool {
        self.hash == other.hash
    }
}

impl Eq for Content {}

/// Shows no content: it may be secret.
impl fmt::Debug for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, ..] = self.hash;
        write!(f, "{a:02x}{b:02x}{c:02x}{d:02x}")
    }
}

/// What is at a path.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Kind {
    /// A file.
    File(Content),
    /// A directory.
    Directory,
    /// A link, and where it leads.
    Link(Vec<u8>),
    /// A FIFO, a socket or a device.
    Special {
        /// `S_IFMT` of its mode.
        form: u32,
        /// The device's number.
        device: u64,
    },
}

impl Kind {
    /// Returns its name for people.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::File(_) => "file",
            Self::Directory => "directory",
            Self::Link(_) => "link",
            Self::Special { .. } => "special file",
        }
    }

    /// Returns whether both are files, both are directories and so on.
    pub(super) fn is_like(&self, other: &Self) -> bool {
        self.name() == other.name()
    }
}

/// Something in a tree.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Node {
    /// What it is.
    pub kind: Kind,
    /// Whom it belongs to.
    pub meta: Meta,
}

impl Node {
    pub(super) fn is_directory(&self) -> bool {
        self.kind == Kind::Directory
    }
}

/// What is in a directory, at any depth. The directory itself is not a part of it.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct Tree(BTreeMap<Path, Node>);

/// A path that is not in a directory of the tree.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Misplaced(pub Path);

impl Tree {
    /// Puts something into a directory that is there.
    ///
    /// # Errors
    /// When the directory is not there, or something other than a directory would have something in it.
    pub fn insert(&mut self, path: Path, node: Node) -> Result<(), Misplaced> {
        let is_in_directory =
            path.parent().is_none_or(|parent| self.get(&parent).is_some_and(Node::is_directory));
        if !is_in_directory || !node.is_directory() && self.has_entries(&path) {
            return Err(Misplaced(path));
        }
        self.0.insert(path, node);
        Ok(())
    }

    /// Returns what is at a path.
    #[must_use]
    pub fn get(&self, path: &Path) -> Option<&Node> {
        self.0.get(path)
    }

    /// Returns everything, each directory before what is in it.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (&Path, &Node)> {
        self.0.iter()
    }

    /// Returns the paths, each directory before what is in it.
    pub fn paths(&self) -> impl DoubleEndedIterator<Item = &Path> {
        self.0.keys()
    }

    /// Returns what is at a path, and below it.
    pub fn within<'a>(&'a self, path: &'a Path) -> impl Iterator<Item = (&'a Path, &'a Node)> {
        self.0.range(path..).take_while(move |(one, _)| one.is_within(path))
    }

    /// Returns the tree with what another one has at a path and below it.
    #[must_use]
    pub fn with(&self, path: &Path, other: &Self) -> Self {
        let rest = self.0.iter().filter(|(one, _)| !one.is_within(path));
        Self(rest.chain(other.within(path)).map(|(path, node)| (path.clone(), node.clone())).collect())
    }

    /// Returns whether a file of so many bytes is at a path.
    #[must_use]
    pub fn has_size(&self, path: &Path, size: u64) -> bool {
        matches!(self.get(path), Some(Node { kind: Kind::File(content), .. }) if content.size() == size)
    }

    fn has_entries(&self, path: &Path) -> bool {
        let after = (std::ops::Bound::Excluded(path), std::ops::Bound::Unbounded);
        self.0.range(after).next().is_some_and(|(next, _)| next.is_within(path))
    }

    /// Returns the text of a file.
    pub(super) fn text(&self, path: &Path) -> Option<&[u8]> {
        match &self.get(path)?.kind {
            Kind::File(content) => content.text(),
            _ => None,
        }
    }

    pub(super) fn nodes_mut(&mut self) -> impl Iterator<Item = &mut Node> {
        self.0.values_mut()
    }

    /// Takes what is known to be a tree.
    pub(super) fn of(nodes: BTreeMap<Path, Node>) -> Self {
        Self(nodes)
    }
}

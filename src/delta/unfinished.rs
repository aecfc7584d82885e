//! What of a version lies in the other slot after an update that was cut. The disk alone tells: the hash tree is written first, so
//! that a whole one says which blocks of `/usr` are right.

use std::fmt;

use serde_json::{Value, json};

use super::tree::{Head, Tree};
use super::{BLOCK, BLOCK_BYTES, Hash};
use crate::boot::usr::UsrHash;
use crate::config::size::Size;
use crate::table::{Partition, Table};
use crate::update::release::Part;

/// How many blocks are compared, at even distances. So a disk is read for an instant only.
const SAMPLES: usize = 128;
/// The label of a slot without a version (sysupdate.d(5), "Partitions").
const EMPTY: &str = "_empty";

/// A slot that no whole version is in.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Slot {
    tree: Partition,
    usr: Partition,
    claimed: bool,
}

impl Slot {
    /// Finds the slot beside the running version. Returns nothing if a version is in it.
    #[must_use]
    pub fn find(table: &Table, running: &UsrHash) -> Option<Self> {
        let tree = table.beside(running.tree(), Part::Verity.name())?;
        let usr = table.beside(running.data(), Part::Usr.name())?;
        let claimed = table.is_claimed(running.data(), &usr);
        (claimed || usr.label == EMPTY).then_some(Self { tree, usr, claimed })
    }

    /// Returns what pattern-fetch has to know besides the disk: where the hash tree and `/usr` begin, in bytes, and the root hash of
    /// the version that was there before. The UUIDs of a slot are those of its version, and are written after `/usr`; in a slot that
    /// is claimed they may be the new ones.
    #[must_use]
    pub fn words(&self, table: &Table) -> [String; 3] {
        let start = |part: &Partition| part.extent.first.saturating_mul(table.sector_size()).to_string();
        let before = UsrHash::of_partitions(self.usr.uuid, self.tree.uuid);
        let before = if self.claimed { "-".to_owned() } else { before.to_string() };
        [start(&self.tree), start(&self.usr), before]
    }

    /// Returns the version, where the label tells it.
    fn version(&self) -> Option<&str> {
        self.usr.label.strip_prefix("usr-").filter(|_| self.claimed)
    }
}

/// Returns how many bytes a hash tree has, by its first block, if these are not more than `room`.
#[must_use]
pub fn tree_bytes(first: &[u8; BLOCK], room: u64) -> Option<u64> {
    let bytes = Head::parse(first).ok()?.tree_blocks() as u64 * BLOCK_BYTES;
    (bytes <= room).then_some(bytes)
}

/// Takes a hash tree, if it is whole and has another root hash than the version that was there before.
#[must_use]
pub fn prove(bytes: &[u8], before: Option<&Hash>) -> Option<Tree> {
    let head = Head::parse(bytes.first_chunk()?).ok()?;
    let root = head.hash(bytes.get(BLOCK..2 * BLOCK)?);
    Tree::prove(bytes, &root).ok().filter(|_| before != Some(&root))
}

/// Compares some blocks of `/usr`, which `read` returns by their numbers, with the hash tree. Returns about how many bytes are right,
/// and all bytes.
#[must_use]
pub fn estimate(tree: &Tree, read: impl Fn(u64) -> Option<[u8; BLOCK]>) -> (u64, u64) {
    let blocks = tree.head().blocks();
    let samples = SAMPLES.min(blocks);
    let places = (0..samples).map(|sample| sample * blocks / samples);
    let right = places.filter(|place| read(*place as u64).is_some_and(|bytes| tree.proves(*place, &bytes)));
    let right = (right.count() * blocks).checked_div(samples).unwrap_or(0);
    (right as u64 * BLOCK_BYTES, blocks as u64 * BLOCK_BYTES)
}

/// A download that was cut, or is at work. Sizes are in bytes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Unfinished {
    right: u64,
    all: u64,
    version: Option<String>,
}

impl Unfinished {
    /// Reads the answer of pattern-fetch: the bytes that are right, and all bytes.
    #[must_use]
    pub fn read(answer: &str, slot: &Slot) -> Option<Self> {
        let (right, all) = answer.trim_end().split_once(' ')?;
        let version = slot.version().map(str::to_owned);
        Some(Self { right: right.parse().ok()?, all: all.parse().ok()?, version })
    }

    /// Returns an object: see pattern-status(8).
    #[must_use]
    pub fn json(&self) -> Value {
        json!({ "about": self.right, "bytes": self.all })
    }
}

impl fmt::Display for Unfinished {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [right, all] = [self.right, self.all].map(|bytes| Size::from_bytes(bytes).megabytes());
        let version =
            self.version.as_ref().map_or_else(|| "a version".to_owned(), |it| format!("version {it}"));
        write!(
            f,
            "about {right} of {all} MB of {version} are in the other slot; pattern update goes on there"
        )
    }
}

#[cfg(test)]
mod tests;

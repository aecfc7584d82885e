//! The packed blocks of a version, and their index.
//!
//! `ID_VERSION.usr.blocks` has the hash tree and `/usr` in groups of blocks that follow each other. Each group is packed by
//! itself, so a machine fetches the groups that it needs. `ID_VERSION.usr.index` says where they are. Numbers are
//! little-endian:
//!
//! | bytes | what |
//! | --- | --- |
//! | 8 | `patnidx\n` |
//! | 4 | 1, the version of the format |
//! | 4 | blocks of 4096 bytes in a group |
//! | 8, 32 | bytes and SHA-256 of `.usr.raw` |
//! | 8, 32 | bytes and SHA-256 of `.verity.raw`, of which all behind the hash tree is zeros |
//! | 32 | root hash |
//! | 16 | the UUID of the tree's superblock |
//! | 4, and as many | the salt |
//! | 20 each | the groups of the tree, then those of `/usr`: bytes, and the first half of their SHA-256 |

use super::bytes::Bytes;
use super::piece::{ENTRY, Piece};
use super::tree::Head;
use super::{BLOCK, BLOCK_BYTES, Hash};

const MAGIC: &[u8; 8] = b"patnidx\n";
const VERSION: u32 = 1;
/// The most blocks in a group: what is fetched and unpacked for one block that is missing.
const GROUP_MAX: usize = 256;

/// The end of the name of the packed blocks.
pub const BLOCKS: &str = ".usr.blocks";
/// The end of the name of their index.
pub const INDEX: &str = ".usr.index";

/// The size of a file, and the sum of its content.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Sum {
    /// In bytes.
    pub bytes: u64,
    /// SHA-256.
    pub sum: Hash,
}

/// What an index says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Index {
    /// How many blocks a group has; the last one of each part may have fewer.
    pub per_group: usize,
    /// The unpacked `.usr.raw`.
    pub usr: Sum,
    /// The unpacked `.verity.raw`.
    pub verity: Sum,
    /// The root hash of the tree.
    pub root: Hash,
    /// The UUID in the superblock of the tree, which nothing proves but the sum of `.verity.raw`.
    pub uuid: [u8; 16],
    /// The salt of the tree, to hash what a machine has before it has the tree.
    pub salt: Vec<u8>,
    /// The groups of the tree.
    pub tree: Vec<Piece>,
    /// The groups of `/usr`.
    pub groups: Vec<Piece>,
}

impl Index {
    /// Reads an index.
    ///
    /// # Errors
    /// When it is not one, or its parts contradict each other.
    pub fn parse(bytes: &[u8]) -> Result<Self, String> {
        let mut bytes = Bytes(bytes);
        bytes.head(MAGIC, VERSION)?;
        let per_group = usize::try_from(bytes.u32()?).unwrap_or_default();
        if !(1..=GROUP_MAX).contains(&per_group) {
            return Err(format!("a group has {per_group} blocks, and 1 to {GROUP_MAX} are allowed"));
        }
        let usr = Sum { bytes: bytes.u64()?, sum: bytes.array()? };
        let verity = Sum { bytes: bytes.u64()?, sum: bytes.array()? };
        let root = bytes.array()?;
        let uuid = bytes.array()?;
        let salt = bytes.count(1)?;
        let salt = bytes.take(salt)?.to_vec();
        let sizes = Sizes::of(usr.bytes, verity.bytes, &salt)?;
        let tree = groups(&mut bytes, sizes.tree, per_group, 0)?;
        let start = tree.last().map_or(0, |piece| piece.place.end);
        let groups = groups(&mut bytes, sizes.usr, per_group, start)?;
        bytes.end()?;
        Ok(Self { per_group, usr, verity, root, uuid, salt, tree, groups })
    }

    /// Returns the bytes of the index.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        let short = |number: usize| u32::try_from(number).unwrap_or_default().to_le_bytes();
        let mut bytes = [&MAGIC[..], &VERSION.to_le_bytes(), &short(self.per_group)].concat();
        for Sum { bytes: size, sum } in [&self.usr, &self.verity] {
            bytes.extend([&size.to_le_bytes()[..], sum].concat());
        }
        bytes.extend([&self.root[..], &self.uuid, &short(self.salt.len()), &self.salt].concat());
        bytes.extend(self.tree.iter().chain(&self.groups).flat_map(Piece::entry));
        bytes
    }

    /// Returns the group that a block of `/usr` is in, and its place there.
    #[must_use]
    pub fn group_of(&self, block: usize) -> (usize, usize) {
        (block / self.per_group, block % self.per_group)
    }

    /// Returns how many bytes the packed blocks have.
    #[must_use]
    pub fn packed(&self) -> u64 {
        self.groups.last().map_or(0, |piece| piece.place.end)
    }
}

/// How many blocks there are.
struct Sizes {
    tree: usize,
    usr: usize,
}

impl Sizes {
    fn of(usr: u64, verity: u64, salt: &[u8]) -> Result<Self, String> {
        if !usr.is_multiple_of(BLOCK_BYTES) {
            return Err(format!("/usr has {usr} bytes, which are not whole blocks"));
        }
        let head = Head::new([0; 16], salt.to_vec(), usr / BLOCK_BYTES)?;
        let tree = head.tree_blocks();
        if verity < tree as u64 * BLOCK_BYTES {
            return Err(format!("{verity} bytes have no room for a hash tree of {tree} blocks"));
        }
        Ok(Self { tree, usr: head.blocks() })
    }
}

/// Reads the entries of the groups that this many blocks have. The first one begins at `start` of the file.
fn groups(bytes: &mut Bytes, blocks: usize, per_group: usize, mut start: u64) -> Result<Vec<Piece>, String> {
    let count = blocks.div_ceil(per_group);
    if bytes.0.len() / ENTRY < count {
        return Err("it is cut short".to_owned());
    }
    let group = |index: usize| {
        let length = per_group.min(blocks - index * per_group) * BLOCK;
        let piece = Piece::read(bytes, start, length)?;
        start = piece.place.end;
        Ok(piece)
    };
    (0..count).map(group).collect()
}

#[cfg(test)]
mod tests;

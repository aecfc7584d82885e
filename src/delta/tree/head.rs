//! The superblock of a hash tree.

use std::ops::Range;

use sha2::{Digest as _, Sha256};

use crate::boot::superblock::{BYTES, Superblock};
use crate::delta::bytes::Bytes;
use crate::delta::{BLOCK, BLOCKS_MAX, Hash};

/// The most bytes of a salt (cryptsetup, lib/verity/verity.c).
const SALT_MAX: usize = 256;
/// Where the fields begin that this file reads and writes.
const UUID: usize = 16;
const ALGORITHM: usize = 32;
const SIZES: usize = 64;

/// What a superblock says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Head {
    uuid: [u8; 16],
    salt: Vec<u8>,
    blocks: usize,
}

impl Head {
    /// Reads the first block of a hash tree. Nothing proves the UUID and what is reserved, so the block must be exactly what
    /// this program would write.
    ///
    /// # Errors
    /// When it is not a superblock of our images.
    pub fn parse(block: &[u8; BLOCK]) -> Result<Self, String> {
        let superblock: &[u8; BYTES] = block.first_chunk().ok_or("the superblock is cut short")?;
        Superblock::parse(superblock).map_err(|error| error.to_string())?;
        let mut bytes = Bytes(superblock);
        bytes.take(UUID)?;
        let uuid = bytes.array()?;
        bytes.take(SIZES - ALGORITHM)?;
        for what in ["data", "hash"] {
            let size = bytes.u32()?;
            if usize::try_from(size) != Ok(BLOCK) {
                return Err(format!("the hash tree has {what} blocks of {size} bytes, not of {BLOCK}"));
            }
        }
        let blocks = bytes.u64()?;
        let salt_bytes = usize::from(u16::from_le_bytes(bytes.array()?));
        bytes.take(6)?;
        let salt = bytes.0.get(..salt_bytes.min(SALT_MAX)).unwrap_or_default().to_vec();
        let head = Self::new(uuid, salt, blocks)?;
        if salt_bytes != head.salt.len() || head.block() != *block {
            return Err("the superblock of the hash tree has values that our images do not have".to_owned());
        }
        Ok(head)
    }

    /// Takes the fields of a superblock.
    ///
    /// # Errors
    /// When the salt is too long, or the number of blocks is one that no image of ours has.
    pub fn new(uuid: [u8; 16], salt: Vec<u8>, blocks: u64) -> Result<Self, String> {
        if salt.len() > SALT_MAX {
            return Err(format!("a salt has {} bytes, and at most {SALT_MAX} are allowed", salt.len()));
        }
        // The tree of a single block has no hashes: the root hash is that of the block.
        if !(2..=BLOCKS_MAX).contains(&blocks) {
            return Err(format!("a hash tree is for {blocks} blocks, and 2 to {BLOCKS_MAX} are allowed"));
        }
        let blocks = usize::try_from(blocks).map_err(|error| error.to_string())?;
        Ok(Self { uuid, salt, blocks })
    }

    /// Returns the first block of the tree.
    #[must_use]
    pub fn block(&self) -> [u8; BLOCK] {
        let size = u32::try_from(BLOCK).unwrap_or_default().to_le_bytes();
        let salt_bytes = u16::try_from(self.salt.len()).unwrap_or_default().to_le_bytes();
        let mut algorithm = [0; SIZES - ALGORITHM];
        algorithm.iter_mut().zip(b"sha256").for_each(|(byte, letter)| *byte = *letter);
        let version = 1_u32.to_le_bytes();
        let blocks = (self.blocks as u64).to_le_bytes();
        let fields: [&[u8]; 11] = [
            b"verity\0\0",
            &version,
            &version,
            &self.uuid,
            &algorithm,
            &size,
            &size,
            &blocks,
            &salt_bytes,
            &[0; 6],
            &self.salt,
        ];
        let mut block = [0; BLOCK];
        block.iter_mut().zip(fields.into_iter().flatten()).for_each(|(byte, value)| *byte = *value);
        block
    }

    /// Returns the hash of a block.
    #[must_use]
    pub fn hash(&self, block: &[u8]) -> Hash {
        Sha256::new().chain_update(&self.salt).chain_update(block).finalize().into()
    }

    /// Returns its UUID.
    #[must_use]
    pub fn uuid(&self) -> [u8; 16] {
        self.uuid
    }

    /// Returns what precedes each block when it is hashed.
    #[must_use]
    pub fn salt(&self) -> &[u8] {
        &self.salt
    }

    /// Returns how many blocks the tree has hashes of.
    #[must_use]
    pub fn blocks(&self) -> usize {
        self.blocks
    }

    /// Returns how many blocks the tree itself has, the superblock's included.
    #[must_use]
    pub fn tree_blocks(&self) -> usize {
        self.levels().last().map_or(1, |level| level.end)
    }

    pub(super) fn levels(&self) -> Vec<Range<usize>> {
        super::levels(self.blocks)
    }
}

//! A dm-verity hash tree (Linux, "dm-verity"; cryptsetup wiki, "DMVerity"): sha256, blocks of 4096 bytes, and the salt before
//! what is hashed. The superblock has a block of its own. Behind it lie the levels, each in whole blocks, the topmost first and
//! the hashes of the data last.

mod head;

use std::ops::Range;

use super::{BLOCK, Hash};
pub use head::Head;

/// Hashes in a block.
const PER_BLOCK: usize = BLOCK / 32;

/// A hash tree that its root hash proves.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Tree {
    head: Head,
    leaves: Vec<Hash>,
}

impl Tree {
    /// Takes the bytes of a hash tree without those behind it, and proves each level by the root hash.
    ///
    /// # Errors
    /// When the superblock is not as in our images, the tree has another size than the superblock says, or a hash is wrong. The
    /// error names the block of the tree.
    pub fn prove(bytes: &[u8], root: &Hash) -> Result<Self, String> {
        let (first, rest) = bytes.split_first_chunk().ok_or("the hash tree is cut short")?;
        let head = Head::parse(first)?;
        let levels = head.levels();
        let blocks = levels.last().map_or(0, |level| level.end);
        if rest.len() != (blocks - 1) * BLOCK {
            let (found, wanted) = (bytes.len(), blocks * BLOCK);
            return Err(format!("the hash tree has {found} bytes, and its superblock says {wanted}"));
        }
        let block = |index: usize| rest.get((index - 1) * BLOCK..index * BLOCK).unwrap_or_default();
        let mut above = vec![*root];
        for level in levels {
            let proven =
                level.clone().map(block).zip(&above).position(|(block, hash)| head.hash(block) != *hash);
            if let Some(wrong) = proven {
                return Err(format!(
                    "block {} of the hash tree is not what the root hash says",
                    level.start + wrong
                ));
            }
            above = level.flat_map(|index| block(index).as_chunks().0).copied().collect();
        }
        above.truncate(head.blocks());
        Ok(Self { head, leaves: above })
    }

    /// Takes the hash of each block.
    ///
    /// # Errors
    /// When these are not as many as the superblock says.
    pub fn new(head: Head, leaves: Vec<Hash>) -> Result<Self, String> {
        if leaves.len() != head.blocks() {
            return Err(format!("{} hashes were given for {} blocks", leaves.len(), head.blocks()));
        }
        Ok(Self { head, leaves })
    }

    /// Returns the bytes of the tree, and its root hash.
    #[must_use]
    pub fn bytes(&self) -> (Vec<u8>, Hash) {
        let mut levels = vec![padded(&self.leaves)];
        loop {
            let lowest = levels.last().map_or(&[][..], Vec::as_slice);
            let hashes: Vec<Hash> = lowest.chunks(BLOCK).map(|block| self.head.hash(block)).collect();
            match hashes.as_slice() {
                [root] => {
                    levels.push(self.head.block().to_vec());
                    levels.reverse();
                    return (levels.concat(), *root);
                }
                more => levels.push(padded(more)),
            }
        }
    }

    /// Returns what the superblock says.
    #[must_use]
    pub fn head(&self) -> &Head {
        &self.head
    }

    /// Returns the hashes of the blocks, in their order.
    #[must_use]
    pub fn leaves(&self) -> &[Hash] {
        &self.leaves
    }

    /// Returns whether this is the content of a block.
    #[must_use]
    pub fn proves(&self, index: usize, block: &[u8]) -> bool {
        block.len() == BLOCK && self.leaves.get(index) == Some(&self.head.hash(block))
    }
}

/// Returns hashes as whole blocks, zeros behind the last one.
fn padded(hashes: &[Hash]) -> Vec<u8> {
    let mut bytes = hashes.concat();
    bytes.resize(hashes.len().div_ceil(PER_BLOCK) * BLOCK, 0);
    bytes
}

/// Returns which blocks of a tree each level has, the topmost first.
fn levels(blocks: usize) -> Vec<Range<usize>> {
    let mut sizes = vec![blocks.div_ceil(PER_BLOCK)];
    while let Some(more @ 2..) = sizes.last().copied() {
        sizes.push(more.div_ceil(PER_BLOCK));
    }
    let mut start = 1;
    let place = |size: usize| {
        let place = start..start + size;
        start = place.end;
        place
    };
    sizes.into_iter().rev().map(place).collect()
}

#[cfg(test)]
mod tests;

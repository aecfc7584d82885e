//! Blocks of the slots, read from their devices.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;

use anyhow::{Context as _, Result};
use pattern::delta::plan::Places;
use pattern::delta::tree::Head;
use pattern::delta::{BLOCK, BLOCK_BYTES, Hash};

/// Blocks that are read at once.
const AT_ONCE: usize = 256;

/// A slot.
pub(crate) struct Slot(pub(crate) File);

impl Slot {
    /// Reads a block. Nothing is returned for one that can't be read.
    pub(crate) fn block(&self, number: u64) -> Option<Box<[u8; BLOCK]>> {
        let mut block = Box::new([0; BLOCK]);
        self.0.read_exact_at(&mut block[..], number.checked_mul(BLOCK_BYTES)?).ok()?;
        Some(block)
    }

    /// Hashes each of the first blocks, as the new version's tree does it. A block that can't be read has a hash of no block.
    ///
    /// # Errors
    /// When there is too little memory.
    pub(crate) fn places(&self, head: &Head, blocks: u64) -> Result<(Places, Vec<Hash>)> {
        let count = usize::try_from(blocks)?;
        let mut hashes: Vec<Hash> = Vec::new();
        hashes.try_reserve_exact(count).context("noting the blocks of the running version")?;
        let mut buffer = vec![0; AT_ONCE * BLOCK];
        while hashes.len() < count {
            let some = AT_ONCE.min(count - hashes.len());
            let start = hashes.len() as u64 * BLOCK_BYTES;
            let part = buffer.get_mut(..some * BLOCK).unwrap_or_default();
            match self.0.read_exact_at(part, start) {
                Ok(()) => hashes.extend(part.chunks(BLOCK).map(|block| head.hash(block))),
                Err(_) => hashes.extend((0..some).map(|index| self.hash(head, start, index))),
            }
        }
        Ok((Places::of(hashes.iter().copied())?, hashes))
    }

    fn hash(&self, head: &Head, start: u64, index: usize) -> Hash {
        let block = self.block(start / BLOCK_BYTES + index as u64);
        block.map_or([0; 32], |block| head.hash(&block[..]))
    }

    /// Reads bytes.
    ///
    /// # Errors
    /// When they can't be read.
    pub(crate) fn read(&self, start: u64, length: usize) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; length];
        self.0.read_exact_at(&mut bytes, start)?;
        Ok(bytes)
    }
}

//! Where the running version has which block.

use std::collections::TryReserveError;

use crate::delta::Hash;

/// Finds blocks by the first 8 bytes of their hash: each block is proven when it is read, so a wrong one is found then.
/// 16 bytes of memory for each block of the running version.
#[derive(Clone, Debug, Default)]
pub struct Places(Vec<(u64, u32)>);

impl Places {
    /// Takes the hashes of all blocks of the running version, made with the salt of the new one.
    ///
    /// # Errors
    /// When there is not enough memory.
    pub fn of(hashes: impl ExactSizeIterator<Item = Hash>) -> Result<Self, TryReserveError> {
        let mut places = Vec::new();
        places.try_reserve_exact(hashes.len())?;
        places.extend(hashes.map(|hash| key(&hash)).zip(0..));
        places.sort_unstable();
        places.dedup_by_key(|(key, _)| *key);
        Ok(Self(places))
    }

    /// Returns the first place of a block.
    #[must_use]
    pub fn of_block(&self, hash: &Hash) -> Option<u32> {
        let index = self.0.binary_search_by_key(&key(hash), |(key, _)| *key).ok()?;
        self.0.get(index).map(|(_, place)| *place)
    }
}

fn key(hash: &Hash) -> u64 {
    hash.first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes))
}

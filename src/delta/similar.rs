//! Finds older material that is similar to new one, for whoever makes a patch.
//!
//! The last bytes before each place are hashed, and of these hashes one in [`ONE_IN`] is kept, chosen by its value. Equal
//! content thus keeps equal hashes wherever it lies, and the blocks of the old version that have most of them are the material.

use std::collections::{HashMap, HashSet};
use std::ops::Range;

use super::BLOCK;

/// Of how many places one is kept.
const ONE_IN: u64 = 256;
/// How many bits older bytes move up with each byte. Of 64 bits, 32 bytes stay in the hash.
const SHIFT: u32 = 2;
/// What a neighbour of a block counts, if that block counts 4: what surrounds an equal place is often similar.
const NEIGHBOURS: [(i64, u32); 4] = [(-1, 2), (1, 2), (-2, 1), (2, 1)];

/// One random number for each byte.
const NUMBERS: [u64; 256] = numbers();

/// Returns the first numbers of splitmix64 (Steele, Lea and Flood, 2014).
const fn numbers() -> [u64; 256] {
    let mut numbers = [0; 256];
    let (mut state, mut index) = (0_u64, 0);
    while index < 256 {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (state ^ state >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        numbers[index] = mixed ^ mixed >> 31;
        index += 1;
    }
    numbers
}

/// Where the old version has which content.
#[derive(Debug, Default)]
pub struct Similar {
    places: HashMap<u64, u32>,
    blocks: u32,
}

impl Similar {
    /// Adds the next block of the old version.
    pub fn add(&mut self, block: &[u8]) {
        for hash in kept(block) {
            self.places.entry(hash).or_insert(self.blocks);
        }
        self.blocks += 1;
    }

    /// Returns at most `most` blocks of the old version as ranges in their order: those that have most in common with the new
    /// material.
    #[must_use]
    pub fn to(&self, new: &[u8], most: usize) -> Vec<Range<u32>> {
        let hashes: HashSet<u64> = new.chunks(BLOCK).flat_map(kept).collect();
        let mut votes: HashMap<u32, u32> = HashMap::new();
        for place in hashes.iter().filter_map(|hash| self.places.get(hash)) {
            *votes.entry(*place).or_default() += 4;
            for (distance, count) in NEIGHBOURS {
                let other = u32::try_from(i64::from(*place) + distance);
                if let Some(other) = other.ok().filter(|other| *other < self.blocks) {
                    *votes.entry(other).or_default() += count;
                }
            }
        }
        let mut best: Vec<(u32, u32)> = votes.into_iter().collect();
        best.sort_by_key(|(place, count)| (u32::MAX - count, *place));
        let mut places: Vec<u32> = best.into_iter().take(most).map(|(place, _)| place).collect();
        places.sort_unstable();
        ranges(places)
    }
}

/// Returns the hashes of a block that are kept.
fn kept(block: &[u8]) -> Vec<u64> {
    let mut hash = 0_u64;
    let roll = |byte: &u8| {
        let number = NUMBERS.get(usize::from(*byte)).copied().unwrap_or_default();
        hash = (hash << SHIFT).wrapping_add(number);
        hash
    };
    // The first ones have other bytes in them than those before the place.
    let rolled = block.iter().map(roll).skip(usize::try_from(64 / SHIFT).unwrap_or_default());
    rolled.filter(|hash| hash >> (64 - ONE_IN.ilog2()) == 0).collect()
}

/// Returns numbers that ascend as ranges.
pub(super) fn ranges(numbers: impl IntoIterator<Item = u32>) -> Vec<Range<u32>> {
    let mut ranges: Vec<Range<u32>> = Vec::new();
    for number in numbers {
        match ranges.last_mut().filter(|last| last.end == number) {
            Some(last) => last.end += 1,
            None => ranges.push(number..number + 1),
        }
    }
    ranges
}

#[cfg(test)]
mod tests;

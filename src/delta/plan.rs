//! Which block comes from where, and which bytes are fetched for it.

mod merge;
mod places;

use std::ops::Range;

use super::index::Index;
use super::patch::{From, Table};
use super::piece::Piece;
use super::{BLOCK_BYTES, Hash};
pub use merge::merge;
pub use places::Places;

/// The most requests for parts of `/usr`. Each costs a round trip; more would not save much. With the list, its signature, the
/// indexes, the hash tree and the kernel image an update makes at most 300.
pub const REQUESTS: usize = 290;

/// Where a block of `/usr` comes from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Source {
    /// It lies in its place already.
    Target,
    /// From this block of the running version.
    Running(u32),
    /// From this segment of the patch: the block of its content.
    Patch(u32, u32),
    /// From this group of the packed blocks: the block of its content.
    Packed(u32, u32),
}

/// What is known before anything is fetched.
#[derive(Clone, Copy)]
pub struct Facts<'a> {
    /// The hash of each block.
    pub leaves: &'a [Hash],
    /// Which blocks lie in their place already.
    pub target: &'a dyn Fn(usize) -> bool,
    /// Where the running version has which block.
    pub running: &'a Places,
    /// The packed blocks.
    pub index: &'a Index,
    /// The patch from the running version, if the server has one.
    pub patch: Option<&'a Table>,
    /// How many bytes the whole version has on the server.
    pub whole: u64,
}

/// What is fetched.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Plan {
    /// The whole file: less would not be fetched otherwise.
    Whole,
    /// Parts of the two files.
    Parts(Parts),
}

/// What is fetched of the two files, in ranges of bytes that ascend.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Parts {
    /// Where each block comes from.
    pub sources: Vec<Source>,
    /// What is fetched of the patch.
    pub patch: Vec<Range<u64>>,
    /// What is fetched of the packed blocks.
    pub packed: Vec<Range<u64>>,
}

impl Parts {
    /// Returns how many bytes are fetched.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.patch.iter().chain(&self.packed).map(|range| range.end - range.start).sum()
    }

    /// Returns how many bytes of `/usr` come from such sources.
    #[must_use]
    pub fn reused(&self, from: impl Fn(&Source) -> bool) -> u64 {
        self.sources.iter().filter(|source| from(source)).count() as u64 * BLOCK_BYTES
    }

    /// Returns how many requests that takes.
    #[must_use]
    pub fn requests(&self) -> usize {
        self.patch.len() + self.packed.len()
    }
}

/// Decides what is fetched: parts with the patch, parts without it, or the whole, whichever has the fewest bytes. Of two with as
/// many, the one without a patch is taken.
#[must_use]
pub fn plan(facts: Facts) -> Plan {
    let without = parts(&Facts { patch: None, ..facts });
    let best = match facts.patch.map(|_| parts(&facts)) {
        Some(with) if with.bytes() < without.bytes() => with,
        _ => without,
    };
    if best.bytes() > facts.whole { Plan::Whole } else { Plan::Parts(best) }
}

fn parts(facts: &Facts) -> Parts {
    let sources = sources(facts);
    let mut groups = vec![false; facts.index.groups.len()];
    let mut segments = vec![false; facts.patch.map_or(0, |table| table.segments.len())];
    for source in &sources {
        let needed = match *source {
            Source::Patch(segment, _) => at(&mut segments, segment),
            Source::Packed(group, _) => at(&mut groups, group),
            Source::Target | Source::Running(_) => None,
        };
        needed.into_iter().for_each(|needed| *needed = true);
    }
    let patched = facts.patch.into_iter().flat_map(|table| &table.segments).map(|segment| &segment.piece);
    let files = [needed(patched, &segments), needed(&facts.index.groups, &groups)];
    let [patch, packed] = merge(files, REQUESTS);
    Parts { sources, patch, packed }
}

/// Returns where each block comes from. What lies on the disk comes first, then the patch.
fn sources(facts: &Facts) -> Vec<Source> {
    let mut patched = vec![None; facts.leaves.len()];
    for part in facts.patch.into_iter().flat_map(Table::parts) {
        let From::Segment(segment, start) = part.from else { continue };
        for (block, number) in part.new.zip(start..) {
            at(&mut patched, block).into_iter().for_each(|place| *place = Some((segment, number)));
        }
    }
    let all = facts.leaves.iter().zip(patched).enumerate();
    all.map(|(block, (hash, patched))| source(facts, block, hash, patched)).collect()
}

/// Returns where a block comes from, given its segment of the patch and its number there.
fn source(facts: &Facts, block: usize, hash: &Hash, patched: Option<(usize, u32)>) -> Source {
    if (facts.target)(block) {
        return Source::Target;
    }
    let (group, number) = facts.index.group_of(block);
    match (facts.running.of_block(hash), patched) {
        (Some(place), _) => Source::Running(place),
        (None, Some((segment, number))) => Source::Patch(short(segment), number),
        (None, None) => Source::Packed(short(group), short(number)),
    }
}

/// Numbers of blocks fit 32 bits, see `BLOCKS_MAX`.
fn short(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

fn at<T>(list: &mut [T], index: u32) -> Option<&mut T> {
    list.get_mut(usize::try_from(index).ok()?)
}

/// Returns where the pieces lie that are needed, in their order.
fn needed<'a>(pieces: impl IntoIterator<Item = &'a Piece>, needed: &[bool]) -> Vec<Range<u64>> {
    let chosen = pieces.into_iter().zip(needed).filter(|(_, needed)| **needed);
    chosen.map(|(piece, _)| piece.place.clone()).collect()
}

#[cfg(test)]
mod tests;

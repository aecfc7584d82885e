//! How one file of a version is made of the older one and of the pieces of a patch.

use std::ops::Range;

use crate::delta::bytes::Bytes;
use crate::delta::frame::WINDOW_MAX;
use crate::delta::piece::{ENTRY, Piece};
use crate::delta::{BLOCK, BLOCKS_MAX, Hash};

/// What places are counted in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Unit {
    /// 4096 bytes.
    Block,
    /// One byte.
    Byte,
}

impl Unit {
    /// Returns the bytes of a unit.
    #[must_use]
    pub fn bytes(self) -> usize {
        match self {
            Self::Block => BLOCK,
            Self::Byte => 1,
        }
    }
}

/// One of the two files.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Side {
    /// How large it is.
    pub units: u32,
    /// Its root hash, or the SHA-256 of a kernel image.
    pub id: Hash,
}

/// What is the same in both files.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Copied {
    /// Where it is in the new one.
    pub new: u32,
    /// Where it is in the old one.
    pub old: u32,
    /// How long it is.
    pub count: u32,
}

/// What one piece unpacks to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Segment {
    /// The older material, in the order in which it precedes the frame.
    pub old: Vec<Range<u32>>,
    /// Where its content goes, in that order.
    pub new: Vec<Range<u32>>,
    /// Where the frame is.
    pub piece: Piece,
}

/// Where a part of the new file comes from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum From {
    /// From this place of the old file.
    Old(u32),
    /// From a segment, from this unit of its content on.
    Segment(usize, u32),
}

/// A part of the new file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Part {
    /// Its place.
    pub new: Range<u32>,
    /// Its source.
    pub from: From,
}

/// How the new file is made.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Table {
    /// What all places are counted in.
    pub unit: Unit,
    /// The old file.
    pub old: Side,
    /// The new file.
    pub new: Side,
    /// What is copied, in the order of the new file.
    pub copied: Vec<Copied>,
    /// What is unpacked, in the order of the new file.
    pub segments: Vec<Segment>,
    /// The hashes of the blocks that are not copied, in their order; only of `/usr`.
    pub hashes: Option<Piece>,
}

impl Table {
    pub(super) fn read(bytes: &mut Bytes, unit: Unit, mut start: u64) -> Result<Self, String> {
        let (old, new) = (side(bytes)?, side(bytes)?);
        if unit == Unit::Block && BLOCKS_MAX < old.units.max(new.units).into() {
            return Err(format!("/usr has more than {BLOCKS_MAX} blocks"));
        }
        let count = bytes.count(12)?;
        let copied =
            (0..count).map(|_| Ok(Copied { new: bytes.u32()?, old: bytes.u32()?, count: bytes.u32()? }));
        let copied = copied.collect::<Result<Vec<_>, String>>()?;
        let count = bytes.count(8 + ENTRY)?;
        let mut segment = || {
            let segment = segment(bytes, unit, start)?;
            start = segment.piece.place.end;
            Ok(segment)
        };
        let segments = (0..count).map(|_| segment()).collect::<Result<Vec<_>, String>>()?;
        let mut table = Self { unit, old, new, copied, segments, hashes: None };
        table.check()?;
        if unit == Unit::Block {
            let missing: usize = table.missing().map(|range| length(&range)).sum();
            if missing > 0 {
                table.hashes = Some(Piece::read(bytes, start, missing * size_of::<Hash>())?);
            }
        }
        Ok(table)
    }

    pub(super) fn bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        for side in [self.old, self.new] {
            bytes.extend(side.units.to_le_bytes());
            bytes.extend(side.id);
        }
        let copied = self.copied.iter().map(|copied| [copied.new, copied.old, copied.count]);
        bytes.extend(short(self.copied.len()));
        bytes.extend(copied.flatten().flat_map(u32::to_le_bytes));
        bytes.extend(short(self.segments.len()));
        for segment in &self.segments {
            for ranges in [&segment.old, &segment.new] {
                bytes.extend(short(ranges.len()));
                bytes.extend(
                    ranges.iter().flat_map(|range| [range.start, range.end]).flat_map(u32::to_le_bytes),
                );
            }
            bytes.extend(segment.piece.entry());
        }
        bytes.extend(self.hashes.iter().flat_map(Piece::entry));
        bytes
    }

    /// Checks that every unit of the new file has one source, in an order in which it can be written, and that older material
    /// lies within the old file.
    fn check(&self) -> Result<(), String> {
        let olds = self.copied.iter().map(|copied| (u64::from(copied.old), u64::from(copied.count)));
        let ranges = self.segments.iter().flat_map(|segment| &segment.old);
        let mut all = olds.chain(ranges.map(|range| (range.start.into(), (range.end - range.start).into())));
        if all.any(|(start, count)| start + count > self.old.units.into()) {
            return Err("it takes something from behind the end of the old version".to_owned());
        }
        let copied = self.copied.iter().map(|copied| copied.new);
        if !copied.is_sorted() || !self.missing().map(|range| range.start).is_sorted() {
            return Err("its places do not ascend".to_owned());
        }
        let mut at = 0;
        for part in self.parts() {
            // Two parts in one place, or none.
            if part.new.start != at || part.new.is_empty() {
                return Err(format!(
                    "it does not say once what is at {} of the new version",
                    at.min(part.new.start)
                ));
            }
            at = part.new.end;
        }
        if at != self.new.units {
            return Err(format!("it makes {at} of the {} units of the new version", self.new.units));
        }
        Ok(())
    }

    /// Returns the parts of the new file in their order.
    #[must_use]
    pub fn parts(&self) -> Vec<Part> {
        let copied = self.copied.iter().map(|copied| Part {
            new: copied.new..copied.new.saturating_add(copied.count),
            from: From::Old(copied.old),
        });
        let unpacked = self.segments.iter().enumerate().flat_map(|(index, segment)| {
            let mut at = 0_u32;
            segment.new.iter().map(move |range| {
                let from = From::Segment(index, at);
                at = at.saturating_add(range.end - range.start);
                Part { new: range.clone(), from }
            })
        });
        let mut parts: Vec<Part> = copied.chain(unpacked).collect();
        parts.sort_by_key(|part| part.new.start);
        parts
    }

    /// Returns the hash of each block of the new version. `running` has the hash of a block of the old one, and `given` has those that the
    /// patch brings. If they are too few, so is what is returned.
    #[must_use]
    pub fn leaves(&self, running: impl Fn(u32) -> Option<Hash>, given: &[Hash]) -> Vec<Hash> {
        let mut given = given.iter().copied();
        let mut leaves = Vec::new();
        for part in self.parts() {
            match part.from {
                From::Old(start) => leaves.extend((start..).take(part.new.len()).filter_map(&running)),
                From::Segment(..) => leaves.extend(given.by_ref().take(part.new.len())),
            }
        }
        leaves
    }

    /// Returns the ranges that are not copied, in the order of the segments.
    pub fn missing(&self) -> impl Iterator<Item = Range<u32>> {
        self.segments.iter().flat_map(|segment| &segment.new).cloned()
    }

    /// Returns where the last piece ends.
    pub(super) fn end(&self) -> Option<u64> {
        let last = self.segments.last().map(|segment| &segment.piece);
        self.hashes.as_ref().or(last).map(|piece| piece.place.end)
    }
}

fn short(count: usize) -> [u8; 4] {
    u32::try_from(count).unwrap_or_default().to_le_bytes()
}

fn side(bytes: &mut Bytes) -> Result<Side, String> {
    Ok(Side { units: bytes.u32()?, id: bytes.array()? })
}

fn ranges(bytes: &mut Bytes) -> Result<Vec<Range<u32>>, String> {
    let count = bytes.count(8)?;
    let range = |_| match (bytes.u32()?, bytes.u32()?) {
        (start, end) if start < end => Ok(start..end),
        (start, end) => Err(format!("a range is from {start} to {end}")),
    };
    (0..count).map(range).collect()
}

fn length(range: &Range<u32>) -> usize {
    usize::try_from(range.end - range.start).unwrap_or(usize::MAX)
}

/// Reads a segment, which has to fit into memory.
fn segment(bytes: &mut Bytes, unit: Unit, start: u64) -> Result<Segment, String> {
    let (old, new) = (ranges(bytes)?, ranges(bytes)?);
    let sum = |ranges: &[Range<u32>]| ranges.iter().map(|range| length(range) as u64).sum::<u64>();
    let all = (sum(&old) + sum(&new)).saturating_mul(unit.bytes() as u64);
    if all > WINDOW_MAX as u64 {
        return Err(format!("a segment needs {all} bytes of memory, and at most {WINDOW_MAX} are allowed"));
    }
    let length = new.iter().map(length).sum::<usize>() * unit.bytes();
    let piece = Piece::read(bytes, start, length)?;
    Ok(Segment { old, new, piece })
}

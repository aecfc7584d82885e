//! Writes a patch from an older version.

use std::io::Write;
use std::ops::Range;

use anyhow::{Result, anyhow};
use pattern::delta::index::Index;
use pattern::delta::kernel::{self, Job};
use pattern::delta::patch::{Copied, Patch, Segment, Side, Table, Unit};
use pattern::delta::piece::Piece;
use pattern::delta::same::{groups, same};
use pattern::delta::similar::Similar;
use pattern::delta::tree::Tree;
use pattern::delta::{BLOCK, Hash};
use sha2::{Digest as _, Sha256};

use super::blocks::Writer;
use super::pack;
use super::version::Usr;
use crate::host::step::Step;

/// The most blocks in one segment, 2 MiB, and the most older ones for it, 6 MiB. Twice as much of both makes patches not
/// smaller.
const NEW: u32 = 512;
const OLD: usize = 1536;

/// A version as a patch is made from it, or for it.
pub(super) struct Version<'a> {
    pub(super) usr: &'a Usr,
    pub(super) root: Hash,
    pub(super) kernel: &'a [u8],
}

/// What the patch is for.
pub(super) struct New<'a> {
    pub(super) version: Version<'a>,
    pub(super) tree: &'a Tree,
    pub(super) index: &'a Index,
}

/// Writes a patch, and returns its index. What would not be smaller than without a patch is left out of it.
///
/// # Errors
/// When a version can't be read, or the patch can't be written.
pub(super) fn write(old: &Version, new: &New, to: &mut impl Write, step: &Step) -> Result<Patch> {
    let mut writer = Writer { to, at: 0 };
    Ok(Patch { usr: usr(old, new, &mut writer, step)?, kernel: kernel(old, new, &mut writer, step)? })
}

type Packed = Vec<(Vec<u8>, usize)>;

fn usr<W: Write>(old: &Version, new: &New, writer: &mut Writer<W>, step: &Step) -> Result<Option<Table>> {
    step.show("comparing");
    let (mut hashes, mut similar) = (Vec::new(), Similar::default());
    old.usr.each(|block| {
        hashes.push(new.tree.head().hash(block));
        similar.add(block);
    })?;
    let same = same(new.tree.leaves(), &hashes);
    let segments = groups(&same.missing, NEW);
    let (mut ranges, mut packed): (Vec<_>, Packed) = (Vec::new(), Vec::new());
    for some in segments.chunks(16) {
        step.show(&format!("packing /usr, {} %", packed.len() * 100 / segments.len().max(1)));
        for (old, new, piece, length) in
            pack::each(some, |segment| pack_segment(old, new, &similar, segment))?
        {
            ranges.push((old, new));
            packed.push((piece, length));
        }
    }
    let missing = same.missing.iter().cloned().flatten().filter_map(|block| usize::try_from(block).ok());
    let leaves: Vec<u8> =
        missing.filter_map(|block| new.tree.leaves().get(block)).flatten().copied().collect();
    let all = packed.iter().map(|(piece, _)| piece.len()).sum::<usize>() + leaves.len();
    if all as u64 >= without(new.index, &same.missing) && !segments.is_empty() {
        return Ok(None);
    }
    let pieces = writer.add(packed)?;
    let hashes =
        if leaves.is_empty() { None } else { writer.add(vec![(leaves.clone(), leaves.len())])?.pop() };
    let side = |version: &Version| Side { units: version.usr.blocks(), id: version.root };
    Ok(Some(Table {
        unit: Unit::Block,
        old: side(old),
        new: side(&new.version),
        copied: same.copied,
        segments: together(ranges, pieces),
        hashes,
    }))
}

type Ranges = Vec<Range<u32>>;

fn pack_segment(
    old: &Version,
    new: &New,
    similar: &Similar,
    segment: &[Range<u32>],
) -> Result<(Ranges, Ranges, Vec<u8>, usize)> {
    let content = read(new.version.usr, segment)?;
    let material = similar.to(&content, OLD);
    let packed = pack::pack(&content, &read(old.usr, &material)?)?;
    Ok((material, segment.to_vec(), packed, content.len()))
}

fn read(usr: &Usr, ranges: &[Range<u32>]) -> Result<Vec<u8>> {
    let parts = ranges.iter().map(|range| usr.read(range)).collect::<Result<Vec<_>>>()?;
    Ok(parts.concat())
}

/// Returns how many bytes a machine would fetch without a patch: the tree, and the groups that it lacks something of.
fn without(index: &Index, missing: &[Range<u32>]) -> u64 {
    let mut groups: Vec<usize> = missing
        .iter()
        .cloned()
        .flatten()
        .filter_map(|block| Some(index.group_of(usize::try_from(block).ok()?).0))
        .collect();
    groups.dedup();
    let needed = groups.into_iter().filter_map(|group| index.groups.get(group));
    index.tree.iter().chain(needed).map(Piece::bytes).sum()
}

fn together(ranges: Vec<(Ranges, Ranges)>, pieces: Vec<Piece>) -> Vec<Segment> {
    ranges.into_iter().zip(pieces).map(|((old, new), piece)| Segment { old, new, piece }).collect()
}

fn kernel<W: Write>(old: &Version, new: &New, writer: &mut Writer<W>, step: &Step) -> Result<Option<Table>> {
    step.show("packing the kernel image");
    let recipe = kernel::recipe(old.kernel, new.version.kernel).map_err(|why| anyhow!(why))?;
    let packed = pack::each(&recipe.jobs, |Job { old: before, new: after }| {
        let content = slices(new.version.kernel, after);
        Ok((pack::pack(&content, &slices(old.kernel, before))?, content.len()))
    })?;
    if packed.iter().map(|(piece, _)| piece.len()).sum::<usize>() >= new.version.kernel.len() {
        return Ok(None);
    }
    let ranges = recipe.jobs.into_iter().map(|job| (job.old, job.new)).collect();
    let side = |file: &[u8]| -> Result<Side> {
        Ok(Side { units: u32::try_from(file.len())?, id: Sha256::digest(file).into() })
    };
    let copied: Vec<Copied> = recipe.copied;
    Ok(Some(Table {
        unit: Unit::Byte,
        old: side(old.kernel)?,
        new: side(new.version.kernel)?,
        copied,
        segments: together(ranges, writer.add(packed)?),
        hashes: None,
    }))
}

fn slices(file: &[u8], ranges: &[Range<u32>]) -> Vec<u8> {
    let place =
        |range: &Range<u32>| Some(usize::try_from(range.start).ok()?..usize::try_from(range.end).ok()?);
    ranges.iter().filter_map(|range| file.get(place(range)?)).flatten().copied().collect()
}

/// Bytes of a block are counted in the library.
const _: () = assert!((NEW as usize + OLD) * BLOCK <= pattern::delta::frame::WINDOW_MAX);

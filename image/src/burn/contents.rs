//! What a disk holds: the partitions of its table, and what each of them begins with.

use std::fmt;
use std::io::{self, Read, Seek, SeekFrom};

use pattern::table::{Amount, Found, ResetPlace, Table, reset_place};
use pattern::volume::{Fault, HEAD_BYTES, Seen, recognise};

use super::blocks::Block;

/// Where one may lie that no table lists, at multiples of a mebibyte: the volume of a machine comes after two versions
/// of `/usr`.
const SEARCHED: u64 = 16 << 30;
const STEP: u64 = 1 << 20;
/// Bytes at the start and the end that are looked at if nothing else is found.
const EDGE: u64 = 1 << 20;

/// A part of a disk, in bytes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Part {
    pub(super) name: String,
    pub(super) start: u64,
    pub(super) size: u64,
    /// Whether it is the volume of a machine.
    is_persist: bool,
}

/// Something that a disk holds.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Thing {
    pub(super) part: Part,
    /// Such as `an ext4 file system`.
    what: String,
}

impl Thing {
    /// Returns whether a machine keeps its files here.
    pub(super) fn is_persist(&self) -> bool {
        self.part.is_persist && self.what.contains("LUKS2")
    }
}

impl fmt::Display for Thing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let persist = if self.is_persist() { ": the files of a pattern machine" } else { "" };
        write!(f, "{}, {}: {}{persist}", self.part.name, Amount(self.part.size), self.what)
    }
}

/// Looks at what a disk holds. `block` is what the kernel knows of it.
///
/// # Errors
/// When the disk can't be read.
pub(super) fn look<R: Read + Seek>(
    disk: &mut R,
    sector: u64,
    block: Option<&Block>,
) -> io::Result<Vec<Thing>> {
    let size = disk.seek(SeekFrom::End(0))?;
    let table = Found::read(disk, sector).ok().map(|found| found.table);
    let listed = table.as_ref().map_or_else(|| block.map(by_kernel).unwrap_or_default(), by_table);
    let mut things = Vec::new();
    for part in listed {
        let what = begins_with(disk, part.start, size)?.unwrap_or("nothing but zeros at its start");
        things.push(Thing { part, what: what.to_owned() });
    }
    let end = table.as_ref().map_or(0, Table::partitions_end);
    let mut lost = unlisted(disk, end, size)?;
    lost.retain(|one| things.iter().all(|thing| thing.part.start != one.part.start));
    things.extend(lost);
    if things.is_empty() {
        things.extend(unknown(disk, size, block)?);
    }
    Ok(things)
}

fn by_table(table: &Table) -> Vec<Part> {
    let persist = match reset_place(table) {
        Ok(ResetPlace::Volume(part) | ResetPlace::Begun(part)) => Some(part.number),
        _ => None,
    };
    let part = |part: pattern::table::Partition| Part {
        name: part.to_string(),
        start: part.extent.first.saturating_mul(table.sector_size()),
        size: table.bytes(part.extent),
        is_persist: persist == Some(part.number),
    };
    table.partitions().map(part).collect()
}

fn by_kernel(block: &Block) -> Vec<Part> {
    let parts = block.children.iter().filter_map(|child| Some((child, child.start?)));
    let part = |(child, start): (&Block, u64)| {
        let name = child.path.clone();
        Part { name, start: start.saturating_mul(512), size: child.size, is_persist: false }
    };
    parts.map(part).collect()
}

/// Returns what a place begins with, unless it is zeros.
fn begins_with<R: Read + Seek>(disk: &mut R, start: u64, size: u64) -> io::Result<Option<&'static str>> {
    if start >= size {
        return Ok(None);
    }
    disk.seek(SeekFrom::Start(start))?;
    let mut head = Vec::new();
    disk.by_ref().take(HEAD_BYTES as u64).read_to_end(&mut head)?;
    Ok(match recognise(&head, || Err(Fault::Damaged(String::new()))) {
        Seen::Blank => None,
        Seen::Other(what) => Some(what),
        _ => Some("a LUKS2 volume"),
    })
}

/// Finds LUKS volumes behind the partitions. The first boot would take one of them for the machine's, or ask.
fn unlisted<R: Read + Seek>(disk: &mut R, end: u64, size: u64) -> io::Result<Vec<Thing>> {
    let first = end.next_multiple_of(STEP).max(STEP);
    let mut found = Vec::new();
    let mut head = [0; 8];
    for start in (first..size.min(first + SEARCHED)).step_by(STEP as usize) {
        disk.seek(SeekFrom::Start(start))?;
        if disk.read(&mut head)? == head.len() && head.starts_with(b"LUKS\xba\xbe") {
            let what = begins_with(disk, start, size)?.unwrap_or_default().to_owned();
            let name = format!("at {}, in no partition", Amount(start));
            found.push(Thing { part: Part { name, start, size: size - start, is_persist: false }, what });
        }
    }
    Ok(found)
}

/// Returns what stands for data that is neither at the start nor at the end.
pub(super) fn somewhere(size: u64) -> Thing {
    let part = Part { name: "the whole file".to_owned(), start: 0, size, is_persist: false };
    Thing { part, what: pattern::volume::UNKNOWN.to_owned() }
}

/// Returns what the disk as a whole is, if it is not blank.
fn unknown<R: Read + Seek>(disk: &mut R, size: u64, block: Option<&Block>) -> io::Result<Option<Thing>> {
    let at_start = begins_with(disk, 0, size)?;
    let mut edges = Vec::new();
    for start in [0, size.saturating_sub(EDGE)] {
        disk.seek(SeekFrom::Start(start))?;
        disk.by_ref().take(EDGE).read_to_end(&mut edges)?;
    }
    if at_start.is_none() && edges.iter().all(|byte| *byte == 0) {
        return Ok(None);
    }
    let kind = block.and_then(|block| block.fstype.as_deref());
    let what = kind.or(at_start).unwrap_or(pattern::volume::UNKNOWN).to_owned();
    let part = Part { name: "the whole disk".to_owned(), start: 0, size, is_persist: false };
    Ok(Some(Thing { part, what }))
}

#[cfg(test)]
mod tests;

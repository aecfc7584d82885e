//! Returns the writes that put a table on the disk, in their order.
//!
//! 1. The backup, in the disk's last sectors, then a flush. The primary is valid all the time.
//! 2. The primary, then a flush. The backup is valid, and new, all the time.
//!
//! With sectors of 512 bytes the first 4096 bytes hold the protective MBR, the header and the first
//! 24 entries, so **one** aligned write commits. If the medium writes 4096 bytes at once, as almost
//! all do, the primary is never torn. If it does not, or if entries beyond the 24th changed (they
//! are written before), a cut leaves a primary with a wrong checksum, and the backup is used.
//!
//! With sectors of 4096 bytes the entries and their header are in different sectors, and no write
//! is known to be atomic over both. The entries are written first. A cut before the header's write
//! leaves a primary with a wrong checksum, and the backup, which is new, is used. For that the
//! kernel needs `gpt` on its command line. The same holds for entries that another tool has moved:
//! they stay where they are, because something else may be at the usual place.

use std::fmt;
use std::io::{Seek, SeekFrom, Write};

use gptman::GPTHeader;

use super::read::USUAL;
use super::{ENTRY_BYTES, Found, Refusal, Table};

/// Bytes at the start of a disk that one write covers.
const HEAD: u64 = 4096;

/// One step of a commit. Between two flushes a disk may do the writes in any order, or only some,
/// or only parts.
#[derive(Clone, PartialEq, Eq, Debug)]
#[allow(missing_docs)]
pub enum Step {
    /// Write these bytes at this position of the disk, in bytes. Both are multiples of a sector.
    Write { offset: u64, bytes: Vec<u8> },
    /// Wait until everything written is on the medium.
    Flush,
}

/// A table could not be encoded, or must not be written.
#[derive(Clone, PartialEq, Eq, Debug)]
#[allow(missing_docs)]
pub enum EncodeError {
    Encoding(String),
    Refused(Refusal),
}

impl fmt::Display for EncodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Encoding(cause) => write!(f, "encoding the partition table: {cause}"),
            Self::Refused(refusal) => refusal.fmt(f),
        }
    }
}

impl std::error::Error for EncodeError {}

/// Returns the steps from the table found on a disk to `new`. There are none if both copies already
/// are `new`.
///
/// A torn or outdated primary is restored first, so that there is another valid copy of the found
/// table when the backup is overwritten.
///
/// # Errors
/// When the table can't be encoded, or the one on the disk can't be changed. Nothing may be written
/// then.
pub fn commit(found: &Found, new: &Table) -> Result<Vec<Step>, EncodeError> {
    let mut steps = Vec::new();
    let differs = found.table != *new;
    match found.changeable() {
        Err(refusal) if differs => return Err(EncodeError::Refused(refusal)),
        Err(_) => return Ok(steps),
        Ok(()) => {}
    }
    if !found.source.primary_good() {
        steps.extend(primary(found, None, &found.table)?);
    }
    if differs || !found.source.backup_good() {
        steps.extend(backup(new)?);
    }
    if differs {
        steps.extend(primary(found, Some(&found.table), new)?);
    }
    Ok(steps)
}

/// Returns the writes of both copies, for a disk that has none: the backup first.
pub(super) fn anew(found: &Found) -> Result<Vec<Step>, EncodeError> {
    let mut steps = backup(&found.table)?.to_vec();
    steps.extend(primary(found, None, &found.table)?);
    Ok(steps)
}

/// Returns one write of entries and header, which are next to each other.
fn backup(new: &Table) -> Result<[Step; 2], EncodeError> {
    let first = new.backup_lba.saturating_sub(new.array_sectors());
    if first <= new.last_usable {
        return Err(EncodeError::Encoding("the backup copy would lie among the partitions".to_owned()));
    }
    let mut area = Area::new(new, &[(first, new.array_sectors() + 1)])?;
    area.write(new, &header(new, new.backup_lba, 1, first))?;
    let offset = first.saturating_mul(new.sector_size);
    Ok([Step::Write { offset, bytes: area.part(0) }, Step::Flush])
}

/// Returns the write of the entries beyond the head, if it differs from `old`, and then the write of
/// the head.
fn primary(found: &Found, old: Option<&Table>, new: &Table) -> Result<Vec<Step>, EncodeError> {
    let (mut head, offset, tail) = encoded(found, new)?;
    let old_tail = old.map(|old| encoded(found, old)).transpose()?.map(|(_, _, tail)| tail);
    for (byte, old) in head.iter_mut().zip(first_sector(found)) {
        *byte = old;
    }
    let mut steps = Vec::new();
    if old_tail.as_ref() != Some(&tail) {
        steps.push(Step::Write { offset, bytes: tail });
    }
    steps.extend([Step::Write { offset: 0, bytes: head }, Step::Flush]);
    Ok(steps)
}

/// Returns the head of the primary copy, where its other entries begin, in bytes, and these entries.
fn encoded(found: &Found, table: &Table) -> Result<(Vec<u8>, u64, Vec<u8>), EncodeError> {
    let (at, array) = (found.entries, table.array_sectors());
    let parts = if at == USUAL { vec![(0, USUAL + array)] } else { vec![(0, USUAL), (at, array)] };
    let mut area = Area::new(table, &parts)?;
    area.write(table, &header(table, 1, table.backup_lba, at))?;
    let mut head = area.part(0);
    if at != USUAL {
        return Ok((head, at.saturating_mul(table.sector_size), area.part(1)));
    }
    // With larger sectors, the head is two sectors: the MBR and the header.
    let split = usize::try_from(HEAD.max(USUAL * table.sector_size));
    let split = split.map_err(|error| EncodeError::Encoding(error.to_string()))?;
    let tail = head.split_off(split.min(head.len()));
    Ok((head, split as u64, tail))
}

/// Returns the first sector, with the size in a plain protective MBR updated (UEFI Specification
/// 2.10, section 5.2.3). A hybrid or damaged MBR is left to its owner.
fn first_sector(found: &Found) -> Vec<u8> {
    const RECORDS: usize = 446;
    const PROTECTIVE: u8 = 0xee;
    let mut sector = found.first_sector.clone();
    if sector.get(510..512) != Some(&[0x55, 0xaa]) {
        return sector;
    }
    let records = sector.get_mut(RECORDS..RECORDS + 64).unwrap_or_default();
    let mut used = records.chunks_exact_mut(16).filter(|record| record.get(4).is_some_and(|kind| *kind != 0));
    let size = u32::try_from(found.sectors.saturating_sub(1)).unwrap_or(u32::MAX);
    if let (Some(record), None) = (used.next(), used.next())
        && record.get(4) == Some(&PROTECTIVE)
        && record.get(8..12) == Some(&[1, 0, 0, 0])
        && let Some(field) = record.last_chunk_mut::<4>()
    {
        *field = size.to_le_bytes();
    }
    sector
}

fn header(table: &Table, lba: u64, other: u64, entries: u64) -> GPTHeader {
    GPTHeader {
        signature: *b"EFI PART",
        revision: [0, 0, 1, 0],
        header_size: 92,
        crc32_checksum: 0,
        reserved: [0; 4],
        primary_lba: lba,
        backup_lba: other,
        first_usable_lba: table.first_usable,
        last_usable_lba: table.last_usable,
        disk_guid: table.disk_guid,
        partition_entry_lba: entries,
        number_of_partition_entries: u32::try_from(table.entries.len()).unwrap_or_default(),
        size_of_partition_entry: ENTRY_BYTES,
        partition_entry_array_crc32: 0,
    }
}

/// Parts of a disk in memory. gptman writes into them as if they were the whole disk.
struct Area {
    /// Where each part begins, and its bytes.
    parts: Vec<(u64, Vec<u8>)>,
    position: u64,
}

impl Area {
    /// Returns parts of zeros, by their first sectors and their numbers of sectors.
    fn new(table: &Table, parts: &[(u64, u64)]) -> Result<Self, EncodeError> {
        let part = |(first, sectors): &(u64, u64)| {
            let length = usize::try_from(sectors.saturating_mul(table.sector_size));
            let length = length.map_err(|error| EncodeError::Encoding(error.to_string()))?;
            Ok((first.saturating_mul(table.sector_size), vec![0; length]))
        };
        Ok(Self { parts: parts.iter().map(part).collect::<Result<_, _>>()?, position: 0 })
    }

    fn write(&mut self, table: &Table, header: &GPTHeader) -> Result<(), EncodeError> {
        let written = header.clone().write_into(self, table.sector_size, &table.entries);
        written.map_err(|error| EncodeError::Encoding(error.to_string()))
    }

    fn part(&mut self, number: usize) -> Vec<u8> {
        self.parts.get_mut(number).map(|(_, bytes)| std::mem::take(bytes)).unwrap_or_default()
    }

    /// Returns the bytes of a part from the present position on.
    fn here(&mut self) -> Option<&mut [u8]> {
        let position = self.position;
        self.parts.iter_mut().find_map(|(start, bytes)| {
            let within = usize::try_from(position.checked_sub(*start)?).ok()?;
            bytes.get_mut(within..).filter(|rest| !rest.is_empty())
        })
    }
}

impl Write for Area {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let outside = || std::io::Error::other("a write outside of the table");
        let here = self.here().ok_or_else(outside)?;
        let length = bytes.len().min(here.len());
        here.iter_mut().zip(bytes).for_each(|(to, from)| *to = *from);
        self.position += length as u64;
        Ok(length)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Seek for Area {
    fn seek(&mut self, to: SeekFrom) -> std::io::Result<u64> {
        match to {
            SeekFrom::Start(position) => self.position = position,
            _ => return Err(std::io::Error::other("gptman seeks from the start only")),
        }
        Ok(self.position)
    }
}

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
//! kernel needs `gpt` on its command line.

use std::fmt;
use std::io::{Cursor, Seek, SeekFrom, Write};

use gptman::GPTHeader;

use super::{ENTRIES, ENTRY_BYTES, Found, Table};

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

/// A table could not be encoded.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct EncodeError(String);

impl fmt::Display for EncodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "encoding the partition table: {}", self.0)
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
/// When the table can't be encoded. Nothing may be written then.
pub fn commit(found: &Found, new: &Table) -> Result<Vec<Step>, EncodeError> {
    let mut steps = Vec::new();
    let differs = found.table != *new;
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
    let mut area = Area::new(new, first, new.array_sectors() + 1)?;
    area.write(new, &header(new, new.backup_lba, 1, first))?;
    let offset = first.saturating_mul(new.sector_size);
    Ok([Step::Write { offset, bytes: area.bytes.into_inner() }, Step::Flush])
}

/// Returns the write of the part beyond the head, if it differs from `old`, and then the write of
/// the head.
fn primary(found: &Found, old: Option<&Table>, new: &Table) -> Result<Vec<Step>, EncodeError> {
    let encode = |table: &Table| -> Result<Vec<u8>, EncodeError> {
        let mut area = Area::new(table, 0, 2 + table.array_sectors())?;
        area.write(table, &header(table, 1, table.backup_lba, 2))?;
        Ok(area.bytes.into_inner())
    };
    let mut head = encode(new)?;
    // With larger sectors, the head is two sectors: the MBR and the header.
    let split =
        usize::try_from(HEAD.max(2 * new.sector_size)).map_err(|error| EncodeError(error.to_string()))?;
    let tail = head.split_off(split.min(head.len()));
    let old_tail = old.map(encode).transpose()?.map(|mut bytes| bytes.split_off(split.min(bytes.len())));
    for (byte, old) in head.iter_mut().zip(first_sector(found)) {
        *byte = old;
    }
    let mut steps = Vec::new();
    if old_tail.as_ref() != Some(&tail) {
        steps.push(Step::Write { offset: split as u64, bytes: tail });
    }
    steps.extend([Step::Write { offset: 0, bytes: head }, Step::Flush]);
    Ok(steps)
}

/// Returns the first sector, with the size in a plain protective MBR updated (UEFI Specification
/// 2.10, section 5.2.3). A hybrid MBR is left to its owner.
fn first_sector(found: &Found) -> Vec<u8> {
    const RECORDS: usize = 446;
    const PROTECTIVE: u8 = 0xee;
    let mut sector = found.first_sector.clone();
    let records = sector.get_mut(RECORDS..RECORDS + 64).unwrap_or_default();
    let mut used = records.chunks_exact_mut(16).filter(|record| record.get(4).is_some_and(|kind| *kind != 0));
    let size = u32::try_from(found.sectors.saturating_sub(1)).unwrap_or(u32::MAX);
    if let (Some(record), None) = (used.next(), used.next())
        && record.get(4) == Some(&PROTECTIVE)
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
        number_of_partition_entries: ENTRIES,
        size_of_partition_entry: ENTRY_BYTES,
        partition_entry_array_crc32: 0,
    }
}

/// A part of a disk in memory. gptman writes into it as if it were the whole disk.
struct Area {
    start: u64,
    bytes: Cursor<Vec<u8>>,
}

impl Area {
    fn new(table: &Table, first: u64, sectors: u64) -> Result<Self, EncodeError> {
        let length = usize::try_from(sectors.saturating_mul(table.sector_size));
        let length = length.map_err(|error| EncodeError(error.to_string()))?;
        let start = first.saturating_mul(table.sector_size);
        Ok(Self { start, bytes: Cursor::new(vec![0; length]) })
    }

    fn write(&mut self, table: &Table, header: &GPTHeader) -> Result<(), EncodeError> {
        let written = header.clone().write_into(self, table.sector_size, &table.entries);
        written.map_err(|error| EncodeError(error.to_string()))
    }
}

impl Write for Area {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.bytes.write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Seek for Area {
    fn seek(&mut self, to: SeekFrom) -> std::io::Result<u64> {
        let to = match to {
            SeekFrom::Start(position) => SeekFrom::Start(position.saturating_sub(self.start)),
            other => other,
        };
        Ok(self.bytes.seek(to)?.saturating_add(self.start))
    }
}

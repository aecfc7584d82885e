//! Fits the table of an image to the disk that the image is written to.
//!
//! The partitions keep their numbers and their places in bytes. The backup moves to the disk's last sectors. If the
//! disk has larger or smaller sectors than the image, all positions are counted in the disk's.

use std::fmt;
use std::io::Cursor;

use super::commit::{self, EncodeError, Step};
use super::draft::USR_TYPES;
use super::read::USUAL;
use super::{Amount, Extent, Fault, Found, Partition, Refusal, Source, Table, copy};

/// Bytes before the first partition. All of the primary copy is there.
pub const LEAD: u64 = 1 << 20;

/// What is written around the partitions of an image.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Fitted {
    /// The table.
    pub table: Table,
    /// Where the backup copy begins, in bytes.
    pub backup_at: u64,
    /// The backup copy, to the end of the disk.
    pub backup: Vec<u8>,
    /// The first [`LEAD`] bytes of the disk: boot code, protective MBR and the primary copy.
    pub lead: Vec<u8>,
}

/// Why an image can't be written to a disk.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum FitError {
    /// The image does not begin with a table.
    NoTable(Fault),
    /// The table contradicts itself, or is not understood.
    Unsound(Refusal),
    /// The partition begins in the first [`LEAD`] bytes.
    Low(String),
    /// The size of the disk, and the size that the image needs, in bytes.
    TooSmall(u64, u64),
    /// Sectors of the disk, in bytes, that a table can't be written for.
    Sectors(u64),
    /// The partition does not start and end at a multiple of this many bytes.
    Uneven(String, u64),
    /// The table can't be encoded.
    Encode(EncodeError),
}

impl fmt::Display for FitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoTable(fault) => write!(f, "it does not begin with a partition table: {fault}"),
            Self::Unsound(refusal) => refusal.fmt(f),
            Self::Low(part) => write!(f, "{part} begins in the first {} of the image", Amount(LEAD)),
            Self::TooSmall(disk, need) => {
                write!(
                    f,
                    "the disk has {}, the image needs {}: take a larger one",
                    Amount(*disk),
                    Amount(*need)
                )
            }
            Self::Sectors(bytes) => write!(f, "the disk has sectors of {bytes} bytes"),
            Self::Uneven(part, bytes) => {
                write!(
                    f,
                    "{part} does not start and end at a multiple of {bytes} bytes, the sectors of the disk"
                )
            }
            Self::Encode(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for FitError {}

impl Table {
    /// Reads the primary copy from the first [`LEAD`] bytes of an image, with sectors of 512 or 4096 bytes.
    ///
    /// # Errors
    /// When there is none, or it contradicts itself.
    pub fn of_image(lead: &[u8]) -> Result<Self, FitError> {
        // The image is longer than what is read of it here.
        let at = |sector_size| copy::read(&mut Cursor::new(lead), 1, sector_size, u64::MAX);
        let copy = at(512).or_else(|fault| at(4096).map_err(|_| fault)).map_err(FitError::NoTable)?;
        if let Some(unknown) = copy.unknown {
            return Err(FitError::Unsound(unknown));
        }
        let table = copy.table;
        table.check(table.last_usable).map_err(FitError::Unsound)?;
        let low = table.partitions().find(|part| part.extent.first.saturating_mul(table.sector_size) < LEAD);
        match low {
            Some(part) => Err(FitError::Low(part.to_string())),
            None => Ok(table),
        }
    }

    /// Returns where the last partition ends, in bytes.
    #[must_use]
    pub fn partitions_end(&self) -> u64 {
        let last = self.partitions().map(|part| part.extent.last.saturating_add(1)).max();
        last.unwrap_or_default().saturating_mul(self.sector_size)
    }

    /// Returns the bytes of the smallest disk with such sectors that holds the partitions.
    #[must_use]
    pub fn least_disk(&self, sector_size: u64) -> u64 {
        let tail = (self.array_sectors_of(sector_size) + 1).saturating_mul(sector_size);
        self.partitions_end().saturating_add(tail)
    }

    /// Returns the bytes of the smallest disk that also holds another version of this size, without which no system is
    /// installed.
    #[must_use]
    pub fn least_installed(&self, sector_size: u64) -> u64 {
        let is_slot =
            |part: &Partition| USR_TYPES.iter().any(|(usr, verity)| [usr, verity].contains(&&part.kind));
        let slots: Vec<_> = self.partitions().filter(is_slot).collect();
        let more = if slots.len() == 2 { slots.iter().map(|part| self.bytes(part.extent)).sum() } else { 0 };
        self.least_disk(sector_size).saturating_add(more)
    }

    /// Fits this table, which begins with the sector `lead`, to a disk.
    ///
    /// # Errors
    /// When the disk is too small, or has sectors that the partitions don't fit into.
    pub fn fit(&self, lead: &[u8], sector_size: u64, disk: u64) -> Result<Fitted, FitError> {
        if !matches!(sector_size, 512 | 4096) {
            return Err(FitError::Sectors(sector_size));
        }
        let need = self.least_disk(sector_size);
        if disk < need {
            return Err(FitError::TooSmall(disk, need));
        }
        let sectors = disk / sector_size;
        let table = self.counted_in(sector_size, sectors)?;
        let size = usize::try_from(sector_size).unwrap_or_default();
        let mut first_sector = lead.get(..512).unwrap_or_default().to_vec();
        first_sector.resize(size, 0);
        let source = Source::Both;
        let found = Found { table: table.clone(), source, sectors, first_sector, entries: USUAL, flaw: None };
        fitted(commit::anew(&found).map_err(FitError::Encode)?, table)
    }

    /// Returns this table for a disk of this many sectors.
    fn counted_in(&self, sector_size: u64, sectors: u64) -> Result<Self, FitError> {
        let mut table = self.clone();
        table.sector_size = sector_size;
        table.backup_lba = sectors.saturating_sub(1);
        table.last_usable = table.backup_lba.saturating_sub(table.array_sectors() + 1);
        let first_usable = self.first_usable.saturating_mul(self.sector_size).div_ceil(sector_size);
        table.first_usable = first_usable.max(table.array_sectors() + 2);
        for part in self.partitions() {
            let uneven = || FitError::Uneven(part.to_string(), sector_size);
            let extent = self.recount(part.extent, sector_size).ok_or_else(uneven)?;
            if let Some(entry) = table.entry_mut(part.number) {
                (entry.starting_lba, entry.ending_lba) = (extent.first, extent.last);
            }
        }
        table.check(table.last_usable).map_err(FitError::Unsound)?;
        Ok(table)
    }

    fn recount(&self, extent: Extent, sector_size: u64) -> Option<Extent> {
        let count = |sector: u64| {
            let bytes = sector.checked_mul(self.sector_size)?;
            bytes.is_multiple_of(sector_size).then_some(bytes / sector_size)
        };
        Some(Extent {
            first: count(extent.first)?,
            last: count(extent.last.checked_add(1)?)?.checked_sub(1)?,
        })
    }
}

/// Puts the writes at the disk's start together.
fn fitted(steps: Vec<Step>, table: Table) -> Result<Fitted, FitError> {
    let lead_bytes = usize::try_from(LEAD).unwrap_or_default();
    let mut fitted = Fitted { table, backup_at: 0, backup: Vec::new(), lead: vec![0; lead_bytes] };
    for step in steps {
        match step {
            Step::Write { offset, bytes } if offset >= LEAD => {
                (fitted.backup_at, fitted.backup) = (offset, bytes);
            }
            Step::Write { offset, bytes } => {
                let to =
                    usize::try_from(offset).ok().and_then(|at| fitted.lead.get_mut(at..at + bytes.len()));
                to.ok_or(FitError::NoTable(Fault::OtherShape))?.copy_from_slice(&bytes);
            }
            Step::Flush => {}
        }
    }
    Ok(fitted)
}

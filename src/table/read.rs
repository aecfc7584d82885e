//! Reads both copies of the table, and decides which one is used.

use std::fmt;
use std::io::{self, Read, Seek, SeekFrom};

use gptman::GPTPartitionEntry;

use super::copy::{self, Copy};
use super::earlier::has_volume;
use super::{Extent, Fault, Refusal, Table, persist};

/// Where the primary copy has its entries, unless its header says otherwise.
pub(super) const USUAL: u64 = 2;

/// The table of a disk, and what [`super::commit`] needs to write another one.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Found {
    /// The table that is used.
    pub table: Table,
    /// The copy that it comes from.
    pub source: Source,
    /// Sectors of the disk.
    pub(super) sectors: u64,
    /// The first sector: boot code and protective MBR.
    pub(super) first_sector: Vec<u8>,
    /// The first sector of the primary copy's entries.
    pub(super) entries: u64,
    /// Why the table can be read, but not changed.
    pub(super) flaw: Option<Refusal>,
}

/// Which copy of the table is used, and the state of the other.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Source {
    /// Both copies are equal.
    Both,
    /// The primary. The end of the disk has no usable backup.
    Primary(Fault),
    /// The primary. The backup at the end of the disk is a different, older one.
    PrimaryNewer,
    /// The backup, because a commit was cut between its two copies. Everything that the new entries
    /// promise was on the disk before the backup was written.
    BackupNewer,
    /// The backup, because the primary is not usable.
    Backup(Fault),
}

impl Source {
    /// Returns whether the primary copy on the disk is the table that is used.
    pub(super) fn primary_good(&self) -> bool {
        !matches!(self, Self::BackupNewer | Self::Backup(_))
    }

    /// Returns whether the copy in the disk's last sector is the table that is used.
    pub(super) fn backup_good(&self) -> bool {
        !matches!(self, Self::Primary(_) | Self::PrimaryNewer)
    }
}

/// Why there is no usable table.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ReadError {
    /// The disk returned an error.
    Disk(String),
    /// Sectors of this many bytes, or a disk of this many sectors, can't hold a table.
    Geometry(u64, u64),
    /// Neither copy is usable.
    Neither(Fault, Fault),
    /// The table has no `persist`, but an unrelated backup at the end of the disk lists one that is
    /// still there.
    Earlier,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Both => f.write_str("both copies agree"),
            Self::Primary(fault) => {
                write!(f, "primary copy; backup at the end of the disk: {fault}")
            }
            Self::PrimaryNewer => f.write_str("primary copy; the backup at the end of the disk is outdated"),
            Self::BackupNewer => {
                f.write_str("backup copy; a change of the table was cut before its last write")
            }
            Self::Backup(fault) => write!(f, "backup copy; primary: {fault}"),
        }
    }
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Disk(cause) => write!(f, "reading the partition table: {cause}"),
            Self::Geometry(size, count) => {
                write!(f, "{count} sectors of {size} bytes can't hold a partition table")
            }
            Self::Neither(primary, backup) => write!(
                f,
                "no usable partition table (primary: {primary}; backup: {backup}); restore it from a rescue system"
            ),
            Self::Earlier => f.write_str(
                "the end of the disk holds the table of an earlier installation with a persist partition, which a new \
                 one would overwrite; to discard it, run `sgdisk --move-second-header DISK` from a rescue system",
            ),
        }
    }
}

impl std::error::Error for ReadError {}

impl Found {
    /// Reads both copies of a disk's table, and decides which one is used.
    ///
    /// A valid primary is used, with one exception. If the backup in the disk's last sector differs
    /// from the primary only by added or grown partitions, or by a new volume in place of one that
    /// a factory reset gave up, then it is what a cut of [`super::commit`] leaves, and the backup
    /// is used. If the primary is torn, the backup is used: in the last sector, or where the
    /// primary's header says.
    ///
    /// What is read may be a table that only a kernel is content with, see [`Found::changeable`].
    ///
    /// # Errors
    /// When no copy is usable, or the end of the disk has an earlier installation.
    pub fn read<R: Read + Seek>(disk: &mut R, sector_size: u64) -> Result<Self, ReadError> {
        let cause = |error: io::Error| ReadError::Disk(error.to_string());
        let size = disk.seek(SeekFrom::End(0)).map_err(cause)?;
        let sectors = size.checked_div(sector_size).unwrap_or_default();
        if !matches!(sector_size, 512 | 1024 | 2048 | 4096) || sectors < 128 {
            return Err(ReadError::Geometry(sector_size, sectors));
        }
        let mut first_sector = vec![0; usize::try_from(sector_size).unwrap_or_default()];
        disk.seek(SeekFrom::Start(0)).map_err(cause)?;
        disk.read_exact(&mut first_sector).map_err(cause)?;
        let copies = Copies::read(disk, sector_size, sectors);
        let (table, source) = copies.choose()?;
        if source == Source::PrimaryNewer && copies.earlier().is_some_and(|at| has_volume(disk, at)) {
            return Err(ReadError::Earlier);
        }
        let entries = copies.primary_entries();
        let flaw = copies.flaw(&table, entries, sectors);
        Ok(Self { table, source, sectors, first_sector, entries, flaw })
    }

    /// Fails for a table that is read, but not changed: the kernel accepts it, and writing it anew
    /// could lose something. Each part of it stays as it is.
    ///
    /// # Errors
    /// Says what is not understood, or what contradicts itself.
    pub fn changeable(&self) -> Result<(), Refusal> {
        self.flaw.clone().map_or(Ok(()), Err)
    }

    /// Returns where the last [`super::BLOCK`] before the usable area begins, in bytes. No partition
    /// may have it. It shares no physical sector of a disk with the entries or with a partition.
    /// `None` means that the table leaves no room for one, or can't be changed.
    #[must_use]
    pub fn before_usable(&self) -> Option<u64> {
        let end = self.entries.checked_add(self.table.array_sectors())?;
        let block = super::before_usable(end, self.table.first_usable, self.table.sector_size);
        block.filter(|_| self.flaw.is_none())
    }
}

/// Both copies, as they were read.
struct Copies {
    primary: Result<Copy, Fault>,
    backup: Result<Copy, Fault>,
}

impl Copies {
    /// Reads the primary, and the backup in the disk's last sector. If neither is usable, the
    /// primary's header may still have the backup's old place, from before the disk grew, or the
    /// primary is from before the disk shrank.
    fn read<R: Read + Seek>(disk: &mut R, sector_size: u64, sectors: u64) -> Self {
        let last = sectors - 1;
        let mut primary = copy::read(disk, 1, sector_size, last);
        let mut backup = copy::read(disk, last, sector_size, last);
        match (&primary, &backup) {
            (Err(Fault::BadEntries { other, .. }), Err(_)) if (2..last).contains(other) => {
                backup = copy::read(disk, *other, sector_size, last).or(backup);
            }
            (Err(Fault::OtherShape), Err(_)) => {
                primary = copy::read(disk, 1, sector_size, u64::MAX).or(primary);
            }
            _ => {}
        }
        Self { primary, backup }
    }

    /// Decides which copy is used, if at least one is valid.
    fn choose(&self) -> Result<(Table, Source), ReadError> {
        match (&self.primary, &self.backup) {
            (Ok(primary), Ok(backup)) if primary.table == backup.table => {
                Ok((primary.table.clone(), Source::Both))
            }
            (Ok(primary), Ok(backup)) if continues(&backup.table, &primary.table) => {
                Ok((backup.table.clone(), Source::BackupNewer))
            }
            (Ok(primary), Ok(_)) => Ok((primary.table.clone(), Source::PrimaryNewer)),
            (Ok(primary), Err(fault)) => Ok((primary.table.clone(), Source::Primary(fault.clone()))),
            (Err(fault), Ok(backup)) => Ok((backup.table.clone(), Source::Backup(fault.clone()))),
            (Err(primary), Err(backup)) => Err(ReadError::Neither(primary.clone(), backup.clone())),
        }
    }

    /// Returns where the backup has a `persist` that the primary does not have, in bytes.
    fn earlier(&self) -> Option<u64> {
        let persist = |copy: &Copy| copy.table.partitions().find(|part| part.label == persist::LABEL);
        let (Ok(primary), Ok(backup)) = (&self.primary, &self.backup) else { return None };
        let Extent { first, .. } = persist(backup).filter(|_| persist(primary).is_none())?.extent;
        first.checked_mul(backup.table.sector_size)
    }

    /// Returns where the primary has its entries. Something else may be at the usual place, such as
    /// the boot loader of a small computer.
    fn primary_entries(&self) -> u64 {
        match &self.primary {
            Ok(Copy { entries, .. }) | Err(Fault::BadEntries { entries, .. }) => *entries,
            Err(_) => USUAL,
        }
    }

    /// Returns why the table that is used must not be changed.
    fn flaw(&self, table: &Table, entries: u64, sectors: u64) -> Option<Refusal> {
        // An outdated backup has nothing that the table needs.
        let backup = self.backup.iter().filter(|backup| backup.table == *table);
        if let Some(unknown) = self.primary.iter().chain(backup).find_map(|copy| copy.unknown.clone()) {
            return Some(unknown);
        }
        if matches!(self.primary, Err(Fault::OtherShape)) {
            return Some(Refusal::OtherDisk);
        }
        let end = entries.checked_add(table.array_sectors());
        if entries < USUAL || end.is_none_or(|end| end > table.first_usable) {
            return Some(Refusal::OtherEntries { sector: entries });
        }
        // The backup needs room at the end.
        let last = sectors.saturating_sub(2).saturating_sub(table.array_sectors());
        table.check(sectors - 1).and_then(|()| table.check(last)).err()
    }
}

/// Returns whether `new` is `old` with partitions added or grown, or with a factory reset
/// completed, and nothing else.
fn continues(new: &Table, old: &Table) -> bool {
    new.disk_guid == old.disk_guid
        && new.first_usable == old.first_usable
        && new.entries.len() == old.entries.len()
        && new.entries.iter().zip(&old.entries).all(|(new, old)| {
            let mut same_end = new.clone();
            same_end.ending_lba = old.ending_lba;
            old.is_unused() || ((same_end == *old || is_remade(new, old)) && new.ending_lba >= old.ending_lba)
        })
}

/// Returns whether an entry is that of a new volume in place of one that was given up.
fn is_remade(new: &GPTPartitionEntry, old: &GPTPartitionEntry) -> bool {
    let labels = (old.partition_name.as_str(), new.partition_name.as_str());
    labels == (persist::RESET, persist::LABEL) && new.starting_lba == old.starting_lba
}

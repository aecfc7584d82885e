//! Reads both copies of the table, and decides which one is used.

use std::fmt;
use std::io::{self, Read, Seek, SeekFrom};

use gptman::GPTPartitionEntry;

use super::{Fault, Refusal, Table, copy, persist};

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
    /// The table has no `persist`, but an unrelated backup at the end of the disk lists one.
    Earlier,
    /// The table contradicts itself or the disk.
    Unsound(Refusal),
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
            Self::Unsound(refusal) => refusal.fmt(f),
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
    /// # Errors
    /// When no copy is usable, the end of the disk has an earlier installation, or the table
    /// contradicts itself.
    pub fn read<R: Read + Seek>(disk: &mut R, sector_size: u64) -> Result<Self, ReadError> {
        let cause = |error: io::Error| ReadError::Disk(error.to_string());
        let size = disk.seek(SeekFrom::End(0)).map_err(cause)?;
        let sectors = size.checked_div(sector_size).unwrap_or_default();
        if !matches!(sector_size, 512 | 1024 | 2048 | 4096) || sectors < 128 {
            return Err(ReadError::Geometry(sector_size, sectors));
        }
        let primary = copy::read(disk, 1, sector_size);
        let backup = copy::read(disk, sectors - 1, sector_size);
        let (table, source) = match (primary, backup) {
            (Err(fault), Err(other)) => elsewhere(disk, sector_size, sectors, fault, other)?,
            (primary, backup) => choose(primary, backup)?,
        };
        table.check(sectors - 1).map_err(ReadError::Unsound)?;
        let mut first_sector = vec![0; usize::try_from(sector_size).unwrap_or_default()];
        disk.seek(SeekFrom::Start(0)).map_err(cause)?;
        disk.read_exact(&mut first_sector).map_err(cause)?;
        Ok(Self { table, source, sectors, first_sector })
    }
}

/// Decides which copy is used, if at least one is valid.
fn choose(primary: Result<Table, Fault>, backup: Result<Table, Fault>) -> Result<(Table, Source), ReadError> {
    match (primary, backup) {
        (Ok(primary), Ok(backup)) if primary == backup => Ok((primary, Source::Both)),
        (Ok(primary), Ok(backup)) if continues(&backup, &primary) => Ok((backup, Source::BackupNewer)),
        (Ok(primary), Ok(backup)) if has_persist(&backup) && !has_persist(&primary) => {
            Err(ReadError::Earlier)
        }
        (Ok(primary), Ok(_)) => Ok((primary, Source::PrimaryNewer)),
        (Ok(primary), Err(fault)) => Ok((primary, Source::Primary(fault))),
        (Err(fault), Ok(backup)) => Ok((backup, Source::Backup(fault))),
        (Err(primary), Err(backup)) => Err(ReadError::Neither(primary, backup)),
    }
}

/// Looks for the backup at another place. If the disk grew and the primary's entries are torn, the
/// primary's header still has the backup's old place.
fn elsewhere<R: Read + Seek>(
    disk: &mut R,
    sector_size: u64,
    sectors: u64,
    primary: Fault,
    backup: Fault,
) -> Result<(Table, Source), ReadError> {
    match primary {
        Fault::BadEntries(lba) if lba > 1 && lba < sectors => match copy::read(disk, lba, sector_size) {
            Ok(table) => Ok((table, Source::Backup(primary))),
            Err(_) => Err(ReadError::Neither(primary, backup)),
        },
        _ => Err(ReadError::Neither(primary, backup)),
    }
}

/// Returns whether `new` is `old` with partitions added or grown, or with a factory reset
/// completed, and nothing else.
fn continues(new: &Table, old: &Table) -> bool {
    new.disk_guid == old.disk_guid
        && new.first_usable == old.first_usable
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

fn has_persist(table: &Table) -> bool {
    table.partitions().any(|part| part.label == persist::LABEL)
}

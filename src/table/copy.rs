//! Reads one copy of the table from a disk.

use std::fmt;
use std::io::{self, Read, Seek, SeekFrom};

use gptman::GPTHeader;

use super::{ENTRIES, ENTRY_BYTES, Table, array_sectors};

/// Why a copy of the table is not usable.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Fault {
    /// The disk returned an error instead of the sectors.
    Unreadable(String),
    /// There is no table header.
    NoHeader,
    /// The header's checksum is wrong, or it has another revision or size.
    BadHeader,
    /// The header names another sector as its own.
    OtherPlace(u64),
    /// The header does not describe 128 entries of 128 bytes at the usual place.
    OtherShape,
    /// The header is valid, but the checksum of the entries is wrong. Has the position of the other
    /// copy, as the header says.
    BadEntries(u64),
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable(cause) => write!(f, "can't be read ({cause})"),
            Self::NoHeader => f.write_str("no header there"),
            Self::BadHeader => f.write_str("the header's checksum is wrong"),
            Self::OtherPlace(lba) => write!(f, "the header says that it belongs to sector {lba}"),
            Self::OtherShape => {
                f.write_str("not the usual table of 128 entries of 128 bytes beside its header")
            }
            Self::BadEntries(_) => f.write_str("the checksum of the entries is wrong"),
        }
    }
}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Self {
        Self::Unreadable(error.to_string())
    }
}

impl From<gptman::Error> for Fault {
    fn from(error: gptman::Error) -> Self {
        match error {
            gptman::Error::InvalidSignature => Self::NoHeader,
            gptman::Error::Io(error) => error.into(),
            _ => Self::BadHeader,
        }
    }
}

/// Reads the copy whose header is at `lba`: 1 for the primary, any other sector for a backup.
pub(super) fn read<R: Read + Seek>(disk: &mut R, lba: u64, sector_size: u64) -> Result<Table, Fault> {
    let position = lba.checked_mul(sector_size).ok_or(Fault::OtherPlace(lba))?;
    disk.seek(SeekFrom::Start(position))?;
    let header = GPTHeader::read_from(disk)?;
    check_shape(&header, lba, sector_size)?;
    let entries = header.read_partitions(disk, sector_size).map_err(|error| match error {
        gptman::Error::Io(error) => error.into(),
        _ => Fault::BadEntries(header.backup_lba),
    })?;
    Ok(Table {
        sector_size,
        disk_guid: header.disk_guid,
        backup_lba: if lba == 1 { header.backup_lba } else { lba },
        first_usable: header.first_usable_lba,
        last_usable: header.last_usable_lba,
        entries,
    })
}

/// Checks that a header with a valid checksum describes a table that can be written back unchanged.
/// It must be called before the entries are read, because gptman trusts these numbers.
fn check_shape(header: &GPTHeader, lba: u64, sector_size: u64) -> Result<(), Fault> {
    if header.primary_lba != lba {
        return Err(Fault::OtherPlace(header.primary_lba));
    }
    let array = array_sectors(sector_size);
    let usual = header.number_of_partition_entries == ENTRIES
        && header.size_of_partition_entry == ENTRY_BYTES
        && header.first_usable_lba >= 2 + array
        && header.first_usable_lba <= header.last_usable_lba;
    let entries = header.partition_entry_lba;
    let placed = if lba == 1 {
        entries == 2 && header.backup_lba > header.last_usable_lba
    } else {
        entries > header.last_usable_lba && entries <= lba.saturating_sub(array)
    };
    if usual && placed { Ok(()) } else { Err(Fault::OtherShape) }
}

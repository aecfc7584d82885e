//! Reads one copy of the table from a disk. A copy is valid by the rules of the kernel
//! (`is_gpt_valid` in its block/partitions/efi.c): what the kernel starts from, this reads.

use std::fmt;
use std::io::{self, Read, Seek, SeekFrom};

use crc::{CRC_32_ISO_HDLC, Crc};
use gptman::GPTPartitionEntry;

use super::{ENTRY_BYTES, Refusal, Table};

/// Bytes of a header whose fields are all known here.
const HEADER_BYTES: usize = 92;
/// Most entries: the kernel reads no more than 4 MiB of them (`KMALLOC_MAX_SIZE`).
const MOST_ENTRIES: u32 = (4 << 20) / ENTRY_BYTES;

/// Why a copy of the table is not usable.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Fault {
    /// The disk returned an error instead of the sectors.
    Unreadable(String),
    /// There is no table header.
    NoHeader,
    /// The header's checksum is wrong, or it has an impossible size.
    BadHeader,
    /// The header names another sector as its own.
    OtherPlace(u64),
    /// The header is valid, but its numbers do not fit this disk, or its entries do not have 128
    /// bytes.
    OtherShape,
    /// The header is valid, but the checksum of the entries is wrong. Has the positions of the other
    /// copy and of the entries, as the header says.
    BadEntries {
        /// The other copy's header.
        other: u64,
        /// The first sector of the entries.
        entries: u64,
    },
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable(cause) => write!(f, "can't be read ({cause})"),
            Self::NoHeader => f.write_str("no header there"),
            Self::BadHeader => f.write_str("the header's checksum is wrong"),
            Self::OtherPlace(lba) => write!(f, "the header says that it belongs to sector {lba}"),
            Self::OtherShape => {
                f.write_str("the header's numbers don't fit this disk, or its entries don't have 128 bytes")
            }
            Self::BadEntries { .. } => f.write_str("the checksum of the entries is wrong"),
        }
    }
}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Self {
        Self::Unreadable(error.to_string())
    }
}

/// A valid copy.
pub(super) struct Copy {
    pub(super) table: Table,
    /// The first sector of the entries.
    pub(super) entries: u64,
    /// What writing this copy anew would lose.
    pub(super) unknown: Option<Refusal>,
}

/// Reads the copy whose header is at `lba`: 1 for the primary, any other sector for a backup.
/// `last` is the disk's last sector.
pub(super) fn read<R>(disk: &mut R, lba: u64, sector_size: u64, last: u64) -> Result<Copy, Fault>
where
    R: Read + Seek,
{
    let bytes = usize::try_from(sector_size).map_err(|_| Fault::OtherShape)?;
    let header = Header::parse(&sectors(disk, lba, sector_size, bytes)?)?;
    header.check(lba, last)?;
    let torn = Fault::BadEntries { other: header.other, entries: header.entries };
    let array = usize::try_from(header.count.saturating_mul(ENTRY_BYTES)).map_err(|_| Fault::OtherShape)?;
    let array = sectors(disk, header.entries, sector_size, array)?;
    if checksum(&array) != header.entries_crc {
        return Err(torn);
    }
    // gptman reads more than an entry has.
    let entry = |bytes: &[u8]| GPTPartitionEntry::read_from(&mut bytes.chain(io::repeat(0)));
    let read = array.chunks_exact(ENTRY_BYTES as usize).map(entry);
    let entries = read.collect::<Result<_, _>>().map_err(|_| torn)?;
    let table = Table {
        sector_size,
        disk_guid: header.disk_guid,
        backup_lba: if lba == 1 { header.other } else { lba },
        first_usable: header.first_usable,
        last_usable: header.last_usable,
        entries,
    };
    Ok(Copy { table, entries: header.entries, unknown: header.unknown })
}

fn sectors<R: Read + Seek>(disk: &mut R, lba: u64, size: u64, length: usize) -> Result<Vec<u8>, Fault> {
    let position = lba.checked_mul(size).ok_or(Fault::OtherPlace(lba))?;
    disk.seek(SeekFrom::Start(position))?;
    let mut bytes = vec![0; length];
    disk.read_exact(&mut bytes)?;
    Ok(bytes)
}

fn checksum(bytes: &[u8]) -> u32 {
    Crc::<u32>::new(&CRC_32_ISO_HDLC).checksum(bytes)
}

/// The fields of a header (UEFI Specification 2.10, table 5-5).
struct Header {
    own: u64,
    other: u64,
    first_usable: u64,
    last_usable: u64,
    disk_guid: [u8; 16],
    entries: u64,
    count: u32,
    entry_bytes: u32,
    entries_crc: u32,
    unknown: Option<Refusal>,
}

impl Header {
    /// Parses the sector of a header, whose checksum has to be right.
    fn parse(sector: &[u8]) -> Result<Self, Fault> {
        if !sector.starts_with(b"EFI PART") {
            return Err(Fault::NoHeader);
        }
        let four = |at: usize| field(sector, at).map(u32::from_le_bytes).ok_or(Fault::BadHeader);
        let eight = |at: usize| field(sector, at).map(u64::from_le_bytes).ok_or(Fault::BadHeader);
        let size = usize::try_from(four(12)?).map_err(|_| Fault::BadHeader)?;
        let mut header =
            sector.get(..size).filter(|_| size >= HEADER_BYTES).ok_or(Fault::BadHeader)?.to_vec();
        header.get_mut(16..20).ok_or(Fault::BadHeader)?.fill(0);
        if checksum(&header) != four(16)? {
            return Err(Fault::BadHeader);
        }
        let reserved = header.get(20..24).into_iter().chain(header.get(HEADER_BYTES..));
        let more = reserved.flatten().any(|byte| *byte != 0) || four(8)? != 0x1_0000;
        Ok(Self {
            own: eight(24)?,
            other: eight(32)?,
            first_usable: eight(40)?,
            last_usable: eight(48)?,
            disk_guid: field(sector, 56).ok_or(Fault::BadHeader)?,
            entries: eight(72)?,
            count: four(80)?,
            entry_bytes: four(84)?,
            entries_crc: four(88)?,
            unknown: more.then_some(Refusal::OtherHeader { bytes: size }),
        })
    }

    /// Checks the numbers before anything is read by them.
    fn check(&self, lba: u64, last: u64) -> Result<(), Fault> {
        if self.own != lba {
            return Err(Fault::OtherPlace(self.own));
        }
        let fits = self.first_usable <= self.last_usable
            && self.last_usable <= last
            && self.entries <= last
            && self.entry_bytes == ENTRY_BYTES
            && (1..=MOST_ENTRIES).contains(&self.count);
        if fits { Ok(()) } else { Err(Fault::OtherShape) }
    }
}

fn field<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..at.checked_add(N)?)?.try_into().ok()
}

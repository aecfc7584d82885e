//! The GUID partition table of the boot disk: read it, decide its target shape, and say in which order which
//! bytes are written, so that a cut at any instant leaves the old table or the new one.
//!
//! Formats: UEFI Specification 2.10, section 5.3 (GPT); partition types from the Discoverable Partitions
//! Specification. `gptman` is the model of header and entry; the order of writing is ours, see [`commit`].
//! All positions are sectors (LBA) unless a name says bytes.

mod amount;
mod commit;
mod copy;
mod draft;
mod gaps;
mod guid;
mod persist;
mod read;
mod refusal;
mod target;

use gptman::GPTPartitionEntry;

pub use amount::Amount;
pub use commit::{EncodeError, Step, commit};
pub use copy::Fault;
pub use guid::Guid;
pub use persist::{PERSIST_LEAST, PERSIST_TYPE, PersistPlace, ResetPlace, persist, reset_place};
pub use read::{Found, ReadError, Source};
pub use refusal::Refusal;
pub use target::{Change, Decision, Wanted, target};

/// Bytes that every new partition starts and ends on a multiple of.
const GRAIN: u64 = 1 << 20;
/// Entries of a table: what every common tool writes, and the only number that is accepted.
const ENTRIES: u32 = 128;
/// Bytes of one entry, likewise.
const ENTRY_BYTES: u32 = 128;

/// A partition table without its two places on the disk: what both copies say.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Table {
    sector_size: u64,
    disk_guid: [u8; 16],
    /// Where the backup header lies, or should.
    backup_lba: u64,
    first_usable: u64,
    last_usable: u64,
    /// Always [`ENTRIES`] of them, the unused ones included.
    entries: Vec<GPTPartitionEntry>,
}

/// First and last sector of a range, both part of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Extent {
    /// First sector.
    pub first: u64,
    /// Last sector.
    pub last: u64,
}

impl Extent {
    /// Number of sectors.
    #[must_use]
    pub fn sectors(&self) -> u64 {
        self.last.saturating_sub(self.first).saturating_add(1)
    }
}

/// A used entry of a table.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Partition {
    /// Number of the entry, from 1: the 3 of `vda3`.
    pub number: u32,
    /// Partition type.
    pub kind: Guid,
    /// UUID of this partition.
    pub uuid: Guid,
    /// Where it lies.
    pub extent: Extent,
    /// Its label.
    pub label: String,
}

impl Table {
    /// Bytes of a sector.
    #[must_use]
    pub fn sector_size(&self) -> u64 {
        self.sector_size
    }

    /// The used entries, by number.
    pub fn partitions(&self) -> impl Iterator<Item = Partition> + '_ {
        (1..).zip(&self.entries).filter(|(_, entry)| entry.is_used()).map(|(number, entry)| Partition {
            number,
            kind: Guid(entry.partition_type_guid),
            uuid: Guid(entry.unique_partition_guid),
            extent: Extent { first: entry.starting_lba, last: entry.ending_lba },
            label: entry.partition_name.as_str().to_owned(),
        })
    }

    /// Bytes of an extent of this disk.
    #[must_use]
    pub fn bytes(&self, extent: Extent) -> u64 {
        extent.sectors().saturating_mul(self.sector_size)
    }

    /// Sectors of one copy's array of entries.
    fn array_sectors(&self) -> u64 {
        array_sectors(self.sector_size)
    }

    /// Sectors of a [`GRAIN`].
    fn grain(&self) -> u64 {
        (GRAIN / self.sector_size.max(1)).max(1)
    }

    /// The partition that starts next after a sector.
    fn next_after(&self, sector: u64) -> Option<Partition> {
        self.partitions().filter(|p| p.extent.first > sector).min_by_key(|p| p.extent.first)
    }

    /// The lowest number whose entry is not in use.
    fn unused_number(&self) -> Result<u32, Refusal> {
        let unused = (1..).zip(&self.entries).find(|(_, entry)| entry.is_unused());
        unused.map(|(number, _)| number).ok_or(Refusal::EntriesFull)
    }

    /// The entry of a number, from 1.
    fn entry_mut(&mut self, number: u32) -> Option<&mut GPTPartitionEntry> {
        self.entries.get_mut(usize::try_from(number).ok()?.checked_sub(1)?)
    }

    /// Refuses what no table of ours can be built on: partitions that overlap, end before they start, or leave
    /// the area between `first_usable` and `last`.
    fn check(&self, last: u64) -> Result<(), Refusal> {
        let mut parts: Vec<Partition> = self.partitions().collect();
        parts.sort_by_key(|part| part.extent.first);
        parts.iter().try_for_each(|part| self.check_extent(part, last))?;
        let mut pairs = parts.iter().zip(parts.iter().skip(1));
        match pairs.find(|(a, b)| a.extent.last >= b.extent.first) {
            Some((a, b)) => Err(Refusal::Overlap { first: a.to_string(), second: b.to_string() }),
            None => Ok(()),
        }
    }

    fn check_extent(&self, part: &Partition, last: u64) -> Result<(), Refusal> {
        let extent = part.extent;
        if extent.last < extent.first || extent.first < self.first_usable {
            let part = part.to_string();
            return Err(Refusal::Misplaced { part, extent });
        }
        if extent.last > last {
            let beyond = Extent { first: last.saturating_add(1), last: extent.last };
            return Err(Refusal::BeyondEnd { part: part.to_string(), bytes: self.bytes(beyond) });
        }
        Ok(())
    }
}

fn array_sectors(sector_size: u64) -> u64 {
    u64::from(ENTRIES * ENTRY_BYTES).div_ceil(sector_size.max(1))
}

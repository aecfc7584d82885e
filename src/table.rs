//! The GUID partition table of the boot disk: reads it, decides its target shape, and returns the
//! writes in an order in which a cut at any instant leaves the old table or the new one.
//!
//! Formats: UEFI Specification 2.10, section 5.3 (GPT); partition types from the Discoverable
//! Partitions Specification. `gptman` reads and writes headers and entries. The order of the writes
//! is ours, see [`commit`]. All positions are sectors (LBA) unless a name says bytes.

mod amount;
pub mod base;
mod beside;
mod commit;
mod copy;
mod draft;
mod earlier;
mod fit;
mod gaps;
mod guid;
mod persist;
mod read;
mod refusal;
mod search;
mod target;

use gptman::GPTPartitionEntry;

pub use amount::Amount;
pub use commit::{EncodeError, Step, commit};
pub use copy::Fault;
pub use fit::{FitError, Fitted, LEAD};
pub use guid::Guid;
pub use persist::{PERSIST_LEAST, PERSIST_TYPE, PersistPlace, ResetPlace, persist, reset_place};
pub use read::{Found, ReadError, Source};
pub use refusal::Refusal;
pub use search::{lists, numbers};
pub use target::{Change, Decision, Wanted, target};

/// Every new partition starts and ends at a multiple of this many bytes.
const GRAIN: u64 = 1 << 20;
/// Bytes of the largest physical sector of disks.
pub const BLOCK: u64 = 4096;
/// Bytes of one entry. The kernel accepts no other number.
const ENTRY_BYTES: u32 = 128;
/// The kernel numbers no more partitions of a disk (`DISK_MAX_PARTS`, which counts the disk, too).
const MOST_NUMBERS: u32 = 255;

/// A partition table, as both copies on the disk have it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Table {
    sector_size: u64,
    disk_guid: [u8; 16],
    /// Where the backup header is, or should be.
    backup_lba: u64,
    first_usable: u64,
    last_usable: u64,
    /// All entries, including unused ones. Common tools write 128.
    entries: Vec<GPTPartitionEntry>,
}

/// First and last sector of a range, both inclusive.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Extent {
    /// First sector.
    pub first: u64,
    /// Last sector.
    pub last: u64,
}

impl Extent {
    /// Returns the number of sectors.
    #[must_use]
    pub fn sectors(&self) -> u64 {
        self.last.saturating_sub(self.first).saturating_add(1)
    }
}

/// A used entry of a table.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Partition {
    /// Number of the entry, from 1, such as the 3 of `vda3`.
    pub number: u32,
    /// Partition type.
    pub kind: Guid,
    /// UUID of this partition.
    pub uuid: Guid,
    /// Its sectors.
    pub extent: Extent,
    /// Its label.
    pub label: String,
}

impl Table {
    /// Returns the bytes of a sector.
    #[must_use]
    pub fn sector_size(&self) -> u64 {
        self.sector_size
    }

    /// Returns the UUID of the table itself, which stays when the table is changed.
    #[must_use]
    pub fn disk_guid(&self) -> Guid {
        Guid(self.disk_guid)
    }

    /// Returns the used entries, by number.
    pub fn partitions(&self) -> impl Iterator<Item = Partition> + '_ {
        (1..).zip(&self.entries).filter(|(_, entry)| entry.is_used()).map(|(number, entry)| Partition {
            number,
            kind: Guid(entry.partition_type_guid),
            uuid: Guid(entry.unique_partition_guid),
            extent: Extent { first: entry.starting_lba, last: entry.ending_lba },
            label: entry.partition_name.as_str().to_owned(),
        })
    }

    /// Returns the bytes of an extent of this disk.
    #[must_use]
    pub fn bytes(&self, extent: Extent) -> u64 {
        extent.sectors().saturating_mul(self.sector_size)
    }

    /// Returns the sectors of one copy's array of entries.
    fn array_sectors(&self) -> u64 {
        self.array_sectors_of(self.sector_size)
    }

    /// Returns the same on a disk with other sectors.
    fn array_sectors_of(&self, sector_size: u64) -> u64 {
        let bytes = (self.entries.len() as u64).saturating_mul(u64::from(ENTRY_BYTES));
        bytes.div_ceil(sector_size.max(1))
    }

    /// Returns the sectors of a [`GRAIN`].
    fn grain(&self) -> u64 {
        (GRAIN / self.sector_size.max(1)).max(1)
    }

    /// Returns the first partition that starts after a sector.
    fn next_after(&self, sector: u64) -> Option<Partition> {
        self.partitions().filter(|p| p.extent.first > sector).min_by_key(|p| p.extent.first)
    }

    /// Returns the lowest number of an unused entry.
    fn unused_number(&self) -> Result<u32, Refusal> {
        let unused = (1..=MOST_NUMBERS).zip(&self.entries).find(|(_, entry)| entry.is_unused());
        unused.map(|(number, _)| number).ok_or(Refusal::EntriesFull)
    }

    /// Returns the entry of a number, from 1.
    fn entry_mut(&mut self, number: u32) -> Option<&mut GPTPartitionEntry> {
        self.entries.get_mut(usize::try_from(number).ok()?.checked_sub(1)?)
    }

    /// Fails for a table that can't be extended: partitions overlap, end before they start, or are
    /// outside of the area between `first_usable` and `last`.
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

/// See [`Found::before_usable`]. The entries end before the sector `entries_end`.
fn before_usable(entries_end: u64, first_usable: u64, sector_size: u64) -> Option<u64> {
    let bytes = |sectors: u64| sectors.checked_mul(sector_size);
    let entries = bytes(entries_end)?.next_multiple_of(BLOCK);
    let start = (bytes(first_usable)? / BLOCK).checked_sub(1)?.checked_mul(BLOCK)?;
    (sector_size > 0 && start >= entries).then_some(start)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_before_the_usable_area_is_nobody_elses() {
        for (entries_end, first_usable, sector_size, wanted) in [
            (34, 0, 512, None),
            (34, 34, 512, None),
            // The entries end in the block before.
            (34, 47, 512, None),
            (34, 48, 512, Some(40 * 512)),
            (34, 2047, 512, Some(2032 * 512)),
            (34, 2048, 512, Some(2040 * 512)),
            (34, 2050, 512, Some(2040 * 512)),
            // Windows moves the entries there.
            (2048, 2048, 512, None),
            (2040, 2048, 512, Some(2040 * 512)),
            (6, 6, 4096, None),
            (6, 7, 4096, Some(6 * 4096)),
            (6, 256, 4096, Some(255 * 4096)),
            (6, u64::MAX, 4096, None),
            (34, 2048, 0, None),
        ] {
            let block = before_usable(entries_end, first_usable, sector_size);
            assert_eq!(block, wanted, "{entries_end}, {first_usable}, {sector_size}");
        }
    }
}

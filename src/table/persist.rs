//! Where the `persist` partition is, or goes.

use gptman::GPTPartitionEntry;

use super::{Extent, Guid, Partition, Refusal, Table};

/// GPT type of `persist`: linux-generic.
pub const PERSIST_TYPE: Guid = Guid::new(0x0FC63DAF_8483_4772_8E79_3D69D8477DE4);
/// Bytes that a new `persist` has at least: 16 MiB of LUKS2 metadata and the 300 MiB that mkfs.xfs asks for.
pub const PERSIST_LEAST: u64 = 320 << 20;
/// Label of the partition.
pub(super) const LABEL: &str = "persist";

/// Where `persist` is, or goes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum PersistPlace {
    /// The table lists it.
    Existing {
        /// Number of its entry.
        number: u32,
        /// Where it lies.
        extent: Extent,
    },
    /// It goes here.
    Free {
        /// Number of the entry that it will have.
        number: u32,
        /// The largest unused extent.
        extent: Extent,
    },
}

/// Finds `persist` by its label, or the place for it: the largest unused extent of at least `least` bytes.
///
/// # Errors
/// Two partitions of that label, no unused entry, or no room.
pub fn persist(table: &Table, least: u64) -> Result<PersistPlace, Refusal> {
    if let Some(Partition { number, extent, .. }) = existing(table)? {
        return Ok(PersistPlace::Existing { number, extent });
    }
    let number = table.unused_number()?;
    let gaps = table.gaps();
    // The first of the largest.
    let largest = gaps.into_iter().rev().max_by_key(Extent::sectors);
    match largest {
        Some(extent) if table.bytes(extent) >= least => Ok(PersistPlace::Free { number, extent }),
        gap => Err(Refusal::NoRoom {
            what: "persist",
            bytes: least,
            largest: gap.map(|extent| table.bytes(extent)).unwrap_or_default(),
        }),
    }
}

pub(super) fn existing(table: &Table) -> Result<Option<Partition>, Refusal> {
    let mut parts = table.partitions().filter(|part| part.label == LABEL);
    match (parts.next(), parts.next()) {
        (Some(first), Some(second)) => {
            Err(Refusal::TwoPersist { first: first.number, second: second.number })
        }
        (part, _) => Ok(part),
    }
}

impl Table {
    /// This table with the entry that makes a finished volume the `persist` partition.
    #[must_use]
    pub fn with_persist(&self, number: u32, extent: Extent, uuid: Guid) -> Self {
        let mut table = self.clone();
        table.put(number, PERSIST_TYPE, uuid, extent, LABEL, 0);
        table
    }

    pub(super) fn put(
        &mut self,
        number: u32,
        kind: Guid,
        uuid: Guid,
        at: Extent,
        label: &str,
        attributes: u64,
    ) {
        if let Some(entry) = self.entry_mut(number) {
            *entry = GPTPartitionEntry {
                partition_type_guid: kind.0,
                unique_partition_guid: uuid.0,
                starting_lba: at.first,
                ending_lba: at.last,
                attribute_bits: attributes,
                partition_name: label.into(),
            };
        }
    }
}

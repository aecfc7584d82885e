//! Finds the `persist` partition, or a place for it.

use gptman::GPTPartitionEntry;

use super::{Extent, Guid, Partition, Refusal, Table};

/// GPT type of `persist`: linux-generic.
pub const PERSIST_TYPE: Guid = Guid::new(0x0FC63DAF_8483_4772_8E79_3D69D8477DE4);
/// Fewest bytes of a new `persist`: 16 MiB of LUKS2 metadata, and the 300 MiB that mkfs.xfs needs.
pub const PERSIST_LEAST: u64 = 320 << 20;
/// Label of the partition.
pub(super) const LABEL: &str = "persist";
/// Its label while a factory reset replaces its volume. The content belongs to nobody then.
pub(super) const RESET: &str = "persist-reset";

/// Where `persist` is, or will be.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum PersistPlace {
    /// The table lists it.
    Existing {
        /// Number of its entry.
        number: u32,
        /// Its sectors.
        extent: Extent,
    },
    /// It will be here.
    Free {
        /// Number of its future entry.
        number: u32,
        /// The extent of a factory reset that was begun, otherwise the largest unused extent.
        extent: Extent,
    },
}

/// What a factory reset finds.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ResetPlace {
    /// There is nothing to erase.
    Nothing,
    /// A volume.
    Volume(Partition),
    /// The rest of a volume: the reset was begun.
    Begun(Partition),
}

/// Finds what a factory reset erases.
///
/// # Errors
/// When two partitions have one of these labels.
pub fn reset_place(table: &Table) -> Result<ResetPlace, Refusal> {
    Ok(match existing(table)? {
        None => ResetPlace::Nothing,
        Some(part) if part.label == RESET => ResetPlace::Begun(part),
        Some(part) => ResetPlace::Volume(part),
    })
}

/// Finds `persist` by its label, or a place for it: the extent of a factory reset that was begun,
/// otherwise the largest unused extent of at least `least` bytes.
///
/// # Errors
/// When two partitions have one of these labels, no entry is unused, or there is no room.
pub fn persist(table: &Table, least: u64) -> Result<PersistPlace, Refusal> {
    match reset_place(table)? {
        ResetPlace::Volume(Partition { number, extent, .. }) => {
            return Ok(PersistPlace::Existing { number, extent });
        }
        ResetPlace::Begun(Partition { number, extent, .. }) => {
            return Ok(PersistPlace::Free { number, extent });
        }
        ResetPlace::Nothing => {}
    }
    let number = table.unused_number()?;
    let gaps = table.gaps();
    // The first of the largest extents.
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
    let mut parts = table.partitions().filter(|part| [LABEL, RESET].contains(&part.label.as_str()));
    match (parts.next(), parts.next()) {
        (Some(first), Some(second)) => {
            Err(Refusal::TwoPersist { first: first.number, second: second.number })
        }
        (part, _) => Ok(part),
    }
}

impl Table {
    /// Returns this table with the entry that makes a finished volume the `persist` partition.
    #[must_use]
    pub fn with_persist(&self, number: u32, extent: Extent, uuid: Guid) -> Self {
        let mut table = self.clone();
        table.put(number, PERSIST_TYPE, uuid, extent, LABEL, 0);
        table
    }

    /// Returns this table with its volume given up. Number, extent and UUID stay, and nothing opens
    /// the content any more.
    #[must_use]
    pub fn with_reset(&self, number: u32) -> Self {
        let mut table = self.clone();
        if let Some(entry) = table.entry_mut(number) {
            entry.partition_name = RESET.into();
        }
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

//! Why a table can't be changed.

use std::fmt;

use super::{Amount, Extent, Guid, Partition};

/// Why the table stays unchanged. Partitions are named as in their `Display`.
#[derive(Clone, PartialEq, Eq, Debug)]
#[allow(missing_docs)]
pub enum Refusal {
    /// No partition of this disk holds the running `/usr`.
    NoUsr { uuid: Guid },
    /// The partition of the running `/usr` does not have a `/usr` type of a supported processor.
    UsrType { part: String, kind: Guid },
    /// Two partitions share sectors.
    Overlap { first: String, second: String },
    /// A partition ends before it starts, or overlaps the table itself.
    Misplaced { part: String, extent: Extent },
    /// A partition ends this many bytes beyond the end of the disk.
    BeyondEnd { part: String, bytes: u64 },
    /// The partition can't grow to `bytes`, because another one begins `room` bytes after its
    /// start.
    InTheWay { part: String, next: String, bytes: u64, room: u64 },
    /// The size of the disk, and the size that the layout needs, in bytes.
    DiskTooSmall { disk: u64, need: u64 },
    /// No unused extent is large enough.
    NoRoom { what: &'static str, bytes: u64, largest: u64 },
    /// All entries are in use.
    EntriesFull,
    /// The header has this many bytes, and some of them have a meaning that is not known here.
    OtherHeader { bytes: usize },
    /// The primary copy has its entries at this sector, where a partition may be.
    OtherEntries { sector: u64 },
    /// The primary copy is whole, but describes another disk. The backup may be older.
    OtherDisk,
    /// Two partitions have the label `persist`, or `persist-reset`.
    TwoPersist { first: u32, second: u32 },
}

impl fmt::Display for Partition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "partition {} ({})", self.number, self.label)
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoUsr { uuid } => {
                write!(f, "no partition of the disk's table has the UUID of the running /usr, {uuid}")
            }
            Self::UsrType { part, kind } => write!(
                f,
                "{part} holds the running /usr, but its type {kind} is not a /usr type of x86-64 or arm64; \
                 give it the right type in the image"
            ),
            Self::Overlap { first, second } => {
                write!(f, "{first} and {second} overlap; repair the table from a rescue system")
            }
            Self::Misplaced { part, extent } => write!(
                f,
                "{part} has the impossible extent {} to {}; repair the table from a rescue system",
                extent.first, extent.last
            ),
            Self::BeyondEnd { part, bytes } => write!(
                f,
                "{part} ends {} beyond the room that the disk has; restore the disk's old size",
                Amount(*bytes)
            ),
            Self::InTheWay { part, next, bytes, room } => write!(
                f,
                "{part} can't grow to {}: {next} begins after {}; partitions are never moved, lower \
                 partitions.sizes.usr",
                Amount(*bytes),
                Amount(*room)
            ),
            Self::DiskTooSmall { disk, need } => write!(
                f,
                "the disk has {}, the layout needs {}: enlarge the disk by {}, or lower partitions.sizes",
                Amount(*disk),
                Amount(*need),
                Amount(need.saturating_sub(*disk))
            ),
            Self::NoRoom { what, bytes, largest } => write!(
                f,
                "no room for {what}: it needs {}, the largest unused extent has {}; enlarge the disk",
                Amount(*bytes),
                Amount(*largest)
            ),
            Self::EntriesFull => f.write_str("all entries of the table are in use; delete a partition"),
            Self::OtherHeader { bytes } => write!(
                f,
                "the table's header of {bytes} bytes has fields that are not known here, so the table is not changed; \
                 to have it changed, write it anew from a rescue system"
            ),
            Self::OtherEntries { sector } => write!(
                f,
                "the table has its entries at sector {sector}, where a partition may be, so it is not changed; \
                 to have it changed, write it anew from a rescue system"
            ),
            Self::OtherDisk => f.write_str(
                "the primary copy of the table is whole, but for another disk, so neither copy is changed; \
                 restore the disk's old size, or write the table anew from a rescue system",
            ),
            Self::TwoPersist { first, second } => write!(
                f,
                "partitions {first} and {second} are both labelled persist; remove the label of the one that is not ours"
            ),
        }
    }
}

impl std::error::Error for Refusal {}

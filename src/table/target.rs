//! Decides the target shape of the boot disk's table.

use std::fmt;

use super::draft::Draft;
use super::{Amount, Found, Guid, Refusal, Table};

/// What an image requires of its disk. Sizes are in bytes, and rounded up to 1 MiB.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Wanted {
    /// UUID of the partition that holds the running `/usr`.
    pub usr: Guid,
    /// UUID of the partition that holds its hash tree.
    pub verity: Guid,
    /// `partitions.sizes.usr`.
    pub usr_size: u64,
    /// `partitions.sizes.verity`.
    pub verity_size: u64,
    /// Fewest bytes that must be left for a new `persist`: [`super::PERSIST_LEAST`], or 0 if
    /// nothing is persisted.
    pub persist_least: u64,
}

/// The target table, its changes, and what it lacks.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Decision {
    pub(super) table: Table,
    /// The differences from the table on the disk. If empty, there is nothing to write.
    pub changes: Vec<Change>,
    /// What an installed system has to go without, because the disk has no room for it.
    pub lacks: Vec<Refusal>,
}

impl Decision {
    /// Returns the table as it will be. Added partitions have no UUID yet.
    #[must_use]
    pub fn planned(&self) -> &Table {
        &self.table
    }

    /// Returns the table to commit. Added partitions get these UUIDs, which have to be random.
    #[must_use]
    pub fn table(&self, new: [Guid; 2]) -> Table {
        let mut table = self.table.clone();
        let added = self.changes.iter().filter_map(|change| match change {
            Change::Add { number, .. } => Some(*number),
            _ => None,
        });
        for (number, uuid) in added.zip(new) {
            if let Some(entry) = table.entry_mut(number) {
                entry.unique_partition_guid = uuid.0;
            }
        }
        table
    }
}

/// One difference between the disk and the target. Sizes are in bytes.
#[derive(Clone, PartialEq, Eq, Debug)]
#[allow(missing_docs)]
pub enum Change {
    /// The primary copy is torn or outdated.
    RestorePrimary,
    /// The backup copy is torn, outdated or missing.
    RestoreBackup,
    /// The disk has another size than the table says. The backup moves to the last sector.
    MoveBackup,
    /// A partition grows.
    Grow { number: u32, label: String, from: u64, to: u64 },
    /// An empty partition for updates is added.
    Add { number: u32, what: &'static str, size: u64 },
}

/// Decides the target shape: the running `/usr` partition has its size, there is a second slot,
/// `persist` has the rest, and the backup is in the last sector. Nothing is ever moved, shrunk or
/// put over something else.
///
/// On a disk that already has a `persist` partition, [`Decision::lacks`] lists what is not
/// possible. So an installed system boots, and an update that finds no slot reports that when it is
/// installed. A table that can't be changed is such a lack, too.
///
/// # Errors
/// Before the first installation is complete, the first thing that is not possible.
pub fn target(found: &Found, wanted: &Wanted) -> Result<Decision, Refusal> {
    let mut draft = Draft::new(found)?;
    if let Err(refusal) = found.changeable() {
        return draft.unchanged(refusal);
    }
    draft.move_backup()?;
    let usr = draft.usr(wanted.usr)?;
    draft.fits(&usr, wanted)?;
    draft.grow_usr(&usr, wanted.usr_size)?;
    draft.add_slot(&usr, wanted)?;
    draft.grow_persist()?;
    draft.leave_persist(wanted.persist_least)?;
    Ok(draft.decision())
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::RestorePrimary => f.write_str("restore primary table"),
            Self::RestoreBackup => f.write_str("restore backup table"),
            Self::MoveBackup => f.write_str("backup table moves to the end"),
            Self::Grow { label, from, to, .. } => write!(f, "{label} {} -> {}", Amount(*from), Amount(*to)),
            Self::Add { what, size, .. } => write!(f, "add {what} {}", Amount(*size)),
        }
    }
}

impl fmt::Display for Decision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.changes.is_empty() {
            f.write_str("nothing to change")?;
        }
        for (index, change) in self.changes.iter().enumerate() {
            let separator = if index == 0 { "" } else { "; " };
            write!(f, "{separator}{change}")?;
        }
        self.lacks.iter().try_for_each(|refusal| write!(f, "; left as it is: {refusal}"))
    }
}

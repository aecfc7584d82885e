//! Finds the other slot: the partitions that an update writes.

use super::{Guid, Partition, Table};

impl Table {
    /// Returns the largest partition of the same kind as the one with this UUID, or else the one whose label begins with `part` and
    /// a `-`. While systemd-sysupdate writes a partition, and after a cut, the partition has another kind: that is so since systemd 260
    /// (its src/sysupdate/sysupdate-transfer.c).
    #[must_use]
    pub fn beside(&self, running: Guid, part: &str) -> Option<Partition> {
        let own = self.partitions().find(|one| one.uuid == running)?;
        let is_part = |label: &str| label.strip_prefix(part).is_some_and(|rest| rest.starts_with('-'));
        let rank = |one: &Partition| (one.kind == own.kind, self.bytes(one.extent));
        let others = self.partitions().filter(|one| one.uuid != running);
        others.filter(|one| one.kind == own.kind || is_part(&one.label)).max_by_key(rank)
    }

    /// Returns whether the partition beside is of another kind, as one is that was not written to its end.
    #[must_use]
    pub fn is_claimed(&self, running: Guid, beside: &Partition) -> bool {
        self.partitions().any(|one| one.uuid == running && one.kind != beside.kind)
    }
}

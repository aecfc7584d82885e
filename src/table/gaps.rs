//! Finds the unused space between partitions.

use super::{Extent, Table};

impl Table {
    /// Returns the unused extents in the order of the disk. Each starts and ends at a multiple of 1
    /// MiB.
    pub(super) fn gaps(&self) -> Vec<Extent> {
        let mut used: Vec<Extent> = self.partitions().map(|p| p.extent).collect();
        used.sort_by_key(|extent| extent.first);
        let mut gaps = Vec::new();
        let mut free = self.first_usable;
        for extent in used {
            gaps.extend(self.aligned(free, extent.first));
            free = free.max(extent.last.saturating_add(1));
        }
        gaps.extend(self.aligned(free, self.last_usable.saturating_add(1)));
        gaps
    }

    /// Returns the aligned part of the sectors from `first` up to, not including, `end`.
    fn aligned(&self, first: u64, end: u64) -> Option<Extent> {
        let first = self.align_up(first);
        let end = self.align_down(end);
        (first < end).then(|| Extent { first, last: end - 1 })
    }

    pub(super) fn align_up(&self, sector: u64) -> u64 {
        self.align_down(sector.saturating_add(self.grain() - 1))
    }

    pub(super) fn align_down(&self, sector: u64) -> u64 {
        sector / self.grain() * self.grain()
    }

    /// Returns the sectors of this many bytes, rounded up to a multiple of 1 MiB.
    pub(super) fn sectors(&self, bytes: u64) -> u64 {
        self.align_up(bytes.div_ceil(self.sector_size.max(1)))
    }
}

//! Compares the partitions that the kernel knows with those of the table.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};
use pattern::table::{Extent, Table};

use crate::ioctl::Blkpg;

/// A partition as the kernel knows it. Positions are in bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Known {
    pub(super) number: u32,
    pub(super) start: u64,
    pub(super) length: u64,
}

impl Known {
    pub(super) fn new(number: u32, extent: Extent, sector_size: u64) -> Self {
        let bytes = |sectors: u64| sectors.saturating_mul(sector_size);
        Self { number, start: bytes(extent.first), length: bytes(extent.sectors()) }
    }

    /// Reads a partition's directory in sysfs. sysfs counts in units of 512 bytes, whatever the
    /// sector size is.
    pub(super) fn read(directory: &Path) -> Result<Self> {
        let field = |name: &str| -> Result<u64> {
            let path = directory.join(name);
            let text = fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
            text.trim().parse().with_context(|| format!("{} is not a number", path.display()))
        };
        let bytes = |sectors: u64| sectors.saturating_mul(512);
        let number = u32::try_from(field("partition")?)?;
        Ok(Self { number, start: bytes(field("start")?), length: bytes(field("size")?) })
    }

    fn overlaps(&self, other: &Self) -> bool {
        self.start < other.start.saturating_add(other.length)
            && other.start < self.start.saturating_add(self.length)
    }
}

pub(super) fn listed(table: &Table) -> Vec<Known> {
    table.partitions().map(|part| Known::new(part.number, part.extent, table.sector_size())).collect()
}

/// Returns the steps by which the kernel learns of `wanted`. A partition that is in the way and not
/// `listed` in the table is deleted first. The kernel refuses that for a partition in use.
pub(super) fn differences(known: &[Known], wanted: &[Known], listed: &[Known]) -> Vec<(Blkpg, Known)> {
    let same_place = |a: &Known, b: &Known| (a.number, a.start) == (b.number, b.start);
    let stays = |other: &Known| listed.iter().chain(wanted).any(|part| same_place(part, other));
    let mut steps = Vec::new();
    for part in wanted.iter().filter(|part| !known.contains(part)) {
        for other in known.iter().filter(|other| !stays(other)) {
            let in_the_way = other.number == part.number || other.overlaps(part);
            if in_the_way && !steps.contains(&(Blkpg::Delete, *other)) {
                steps.push((Blkpg::Delete, *other));
            }
        }
        let resize = known.iter().any(|other| same_place(part, other));
        steps.push((if resize { Blkpg::Resize } else { Blkpg::Add }, *part));
    }
    steps
}

//! Looks for partitions by their UUIDs, before it is known whether the disk is ours.

use std::io::{Read, Seek, SeekFrom};

use super::{Guid, Table, copy};

/// Returns the numbers of the partitions with these two UUIDs, or `None` if the disk does not have
/// both.
///
/// This accepts either copy of the table, as the kernel does. Whether the disk may be changed is
/// another question, which [`super::Found::read`] answers.
pub fn numbers<R: Read + Seek>(disk: &mut R, sector_size: u64, uuids: [Guid; 2]) -> Option<[u32; 2]> {
    let size = disk.seek(SeekFrom::End(0)).ok()?;
    let last = size.checked_div(sector_size)?.checked_sub(1)?;
    [1, last].into_iter().find_map(|lba| listed(&copy::read(disk, lba, sector_size, last).ok()?.table, uuids))
}

/// Returns whether the primary copy lists both. The kernel refuses it if the disk is smaller than it was, and then shows no
/// partition at all.
pub fn lists<R: Read + Seek>(disk: &mut R, sector_size: u64, uuids: [Guid; 2]) -> bool {
    copy::read(disk, 1, sector_size, u64::MAX).is_ok_and(|copy| listed(&copy.table, uuids).is_some())
}

fn listed(table: &Table, uuids: [Guid; 2]) -> Option<[u32; 2]> {
    let number = |uuid| table.partitions().find(|part| part.uuid == uuid).map(|part| part.number);
    Some([number(uuids[0])?, number(uuids[1])?])
}

//! What Linux makes of a disk that it was started on with `gpt`, after `find_valid_gpt` of its block/partitions/efi.c:
//! written apart from our reader, to compare the two.

use super::disk::Disk;

/// Number, first and last sector.
pub(crate) type Seen = (u32, u64, u64);

/// The partitions that the kernel finds, or `None` where it finds no table.
pub(crate) fn partitions(disk: &Disk) -> Option<Vec<Seen>> {
    let last = disk.size / disk.sector_size - 1;
    let array = valid(disk, 1, last).or_else(|| valid(disk, last, last))?;
    let entries = (1..).zip(array.chunks(128)).take(255);
    let used = entries.filter(|(_, entry)| entry[..16] != [0; 16]);
    let extents = used.map(|(number, entry)| (number, eight(entry, 32), eight(entry, 40)));
    Some(extents.filter(|(_, start, end)| *start <= last && *end <= last).collect())
}

/// Returns the entries, if the header at this sector is valid.
fn valid(disk: &Disk, lba: u64, last: u64) -> Option<Vec<u8>> {
    let mut header = disk.get(lba * disk.sector_size, disk.sector_size as usize);
    let (size, sum) = (four(&header, 12) as usize, four(&header, 16));
    header[16..20].fill(0);
    let first_usable = eight(&header, 40);
    let last_usable = eight(&header, 48);
    let good = header.starts_with(b"EFI PART")
        && (92..=header.len()).contains(&size)
        && crc(&header[..size]) == sum
        && eight(&header, 24) == lba
        && first_usable <= last
        && last_usable <= last
        && last_usable >= first_usable
        && four(&header, 84) == 128;
    let count = four(&header, 80);
    let bytes = u64::from(count) * 128;
    let start = eight(&header, 72);
    if !good || count == 0 || bytes > 4 << 20 || start > last || (last - start + 1) * disk.sector_size < bytes
    {
        return None;
    }
    let array = disk.get(start * disk.sector_size, bytes as usize);
    (crc(&array) == four(&header, 88)).then_some(array)
}

pub(crate) fn crc(bytes: &[u8]) -> u32 {
    let bit = |crc: u32| if crc & 1 == 1 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 };
    !bytes.iter().fold(!0, |crc, byte| (0..8).fold(crc ^ u32::from(*byte), |crc, _| bit(crc)))
}

fn four(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap())
}

fn eight(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap())
}

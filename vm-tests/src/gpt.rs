//! Reads the partition table like firmware and kernel (UEFI 2.10, 5.3 "GUID Partition Table Disk
//! Layout"): its first copy, or if that is damaged the one at the disk's end.
//!
//! This is a separate parser, so that a mistake in the code under test can't hide itself.

/// A partition: its start and its length, in bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Partition {
    /// Its first byte.
    pub start: u64,
    /// Its length in bytes.
    pub length: u64,
}

impl Partition {
    /// Returns its bytes on the disk.
    pub(crate) fn extent(&self) -> std::ops::Range<u64> {
        self.start..self.start + self.length
    }
}

pub(crate) const SECTOR: u64 = 512;

/// Sectors at either end of the disk: those of a table with 128 entries and its header, and the
/// sector before them.
pub(crate) const SECTORS: u64 = 34;

/// The type of an EFI system partition, `C12A7328-F81F-11D2-BA4B-00A0C93EC93B`.
pub(crate) const ESP: u128 = 0xc12a_7328_f81f_11d2_ba4b_00a0_c93e_c93b;

/// One entry of the table.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Entry {
    pub(crate) kind: u128,
    pub(crate) uuid: u128,
    pub(crate) label: String,
    pub(crate) partition: Partition,
}

/// Returns the used entries of the first intact copy, or what is wrong with each copy. `read` takes
/// start and length in bytes.
pub(crate) fn read(disk: u64, read: impl Fn(u64, u64) -> Vec<u8>) -> Result<Vec<Entry>, String> {
    copy(1, &read).or_else(|first| {
        let second = second(disk, &read);
        second.map_err(|second| format!("the first partition table has {first}, the second has {second}"))
    })
}

/// Returns the used entries of only the copy at the disk's end.
pub(crate) fn second(disk: u64, read: impl Fn(u64, u64) -> Vec<u8>) -> Result<Vec<Entry>, &'static str> {
    copy(disk / SECTOR - 1, read)
}

fn copy(sector: u64, read: impl Fn(u64, u64) -> Vec<u8>) -> Result<Vec<Entry>, &'static str> {
    let mut header = read(sector * SECTOR, SECTOR);
    if !header.starts_with(b"EFI PART") {
        return Err("no signature");
    }
    let size = usize::try_from(number(&header, 12, 4)).unwrap_or(usize::MAX);
    let sum = number(&header, 16, 4);
    // The checksum was computed with zeros in its own place.
    header[16..20].fill(0);
    if header.get(..size).is_none_or(|header| u64::from(crc32(header)) != sum) {
        return Err("a wrong sum of the header");
    }
    if number(&header, 24, 8) != sector {
        return Err("a header that belongs elsewhere");
    }
    let (count, size) = (number(&header, 80, 4), number(&header, 84, 4));
    let array = read(number(&header, 72, 8) * SECTOR, count * size);
    if u64::from(crc32(&array)) != number(&header, 88, 4) {
        return Err("a wrong sum of the entries");
    }
    let size = usize::try_from(size).expect("a small size");
    Ok(array.chunks_exact(size).filter(|entry| entry[..16] != [0; 16]).map(entry).collect())
}

fn entry(bytes: &[u8]) -> Entry {
    let name = bytes[56..128].chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]]));
    let name = name.take_while(|unit| *unit != 0).collect::<Vec<_>>();
    let (first, last) = (number(bytes, 32, 8), number(bytes, 40, 8));
    Entry {
        kind: guid(&bytes[..16]),
        uuid: guid(&bytes[16..32]),
        label: String::from_utf16_lossy(&name),
        partition: Partition { start: first * SECTOR, length: (last + 1 - first) * SECTOR },
    }
}

/// Returns the GUID in the order of its text. On the disk its first three parts have the lowest
/// byte first.
fn guid(bytes: &[u8]) -> u128 {
    let parts = number(bytes, 0, 4) << 32 | number(bytes, 4, 2) << 16 | number(bytes, 6, 2);
    let rest = bytes[8..16].iter().fold(0, |value, byte| value << 8 | u128::from(*byte));
    u128::from(parts) << 64 | rest
}

fn number(bytes: &[u8], at: usize, size: usize) -> u64 {
    bytes[at..at + size].iter().rev().fold(0, |value, byte| value << 8 | u64::from(*byte))
}

/// Returns the CRC-32 of IEEE 802.3.
fn crc32(bytes: &[u8]) -> u32 {
    let bit = |sum: u32, _| sum >> 1 ^ (0xedb8_8320 & (sum & 1).wrapping_neg());
    !bytes.iter().fold(!0, |sum, byte| (0..8).fold(sum ^ u32::from(*byte), bit))
}

#[cfg(test)]
mod tests {
    use super::*;

    const DISK: usize = 200 * 512;

    /// Returns two copies of a table with one partition, from sector 40 to 49.
    fn disk() -> Vec<u8> {
        let mut disk = vec![0; DISK];
        put(&mut disk, 1, 2);
        put(&mut disk, 199, 167);
        disk
    }

    fn put(disk: &mut [u8], header: usize, array: usize) {
        let mut entries = vec![0; 128 * 128];
        entries[..16].copy_from_slice(&[
            0x28, 0x73, 0x2a, 0xc1, 0x1f, 0xf8, 0xd2, 0x11, 0xba, 0x4b, 0, 0xa0, 0xc9, 0x3e, 0xc9, 0x3b,
        ]);
        (entries[16], entries[31]) = (1, 2);
        (entries[32], entries[40]) = (40, 49);
        (entries[56], entries[58]) = (b'o', b'k');
        let mut bytes = [0; 92];
        bytes[..8].copy_from_slice(b"EFI PART");
        bytes[12] = 92;
        bytes[24] = u8::try_from(header).unwrap();
        bytes[72] = u8::try_from(array).unwrap();
        (bytes[80], bytes[84]) = (128, 128);
        bytes[88..].copy_from_slice(&crc32(&entries).to_le_bytes());
        let sum = crc32(&bytes);
        bytes[16..20].copy_from_slice(&sum.to_le_bytes());
        disk[header * 512..][..92].copy_from_slice(&bytes);
        disk[array * 512..][..entries.len()].copy_from_slice(&entries);
    }

    fn entries(disk: &[u8]) -> Result<Vec<Entry>, String> {
        let part = |start: u64, length: u64| {
            disk[usize::try_from(start).unwrap()..][..usize::try_from(length).unwrap()].to_vec()
        };
        read(DISK as u64, part)
    }

    #[test]
    fn the_sum_is_the_one_of_the_standard() {
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
    }

    #[test]
    fn an_entry_has_type_uuid_label_and_place() {
        let partition = Partition { start: 40 * 512, length: 10 * 512 };
        let uuid = 1 << 96 | 2;
        assert_eq!(entries(&disk()).unwrap(), [Entry { kind: ESP, uuid, label: "ok".to_owned(), partition }]);
    }

    #[test]
    fn one_damaged_copy_does_no_harm_two_do() {
        // Signature, and checksums of the header and of the entries.
        for (first, second, wrong) in [
            (512, 199 * 512, "no signature"),
            (512 + 40, 199 * 512 + 40, "a wrong sum of the header"),
            (1024 + 60, 167 * 512 + 60, "a wrong sum of the entries"),
        ] {
            let mut disk = disk();
            let whole = entries(&disk);
            disk[first] ^= 1;
            assert_eq!(entries(&disk), whole);
            disk[second] ^= 1;
            let error = format!("the first partition table has {wrong}, the second has {wrong}");
            assert_eq!(entries(&disk), Err(error));
        }
    }
}

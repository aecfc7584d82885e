//! A small image, and what became of it on a disk.

use std::io::Cursor;

use gptman::{GPT, GPTPartitionEntry};

pub(crate) const MIB: usize = 1 << 20;
/// Where its partitions end.
pub(crate) const END: usize = 7 * MIB;

const ESP: u128 = 0xC12A7328_F81F_11D2_BA4B_00A0C93EC93B;
const VERITY: u128 = 0x77FF5F63_E7B6_4633_ACF4_1565B864C0E6;
const USR: u128 = 0x8484680C_9521_48C6_9C11_B0720656F69E;

fn on_disk(kind: u128) -> [u8; 16] {
    let b = kind.to_be_bytes();
    [b[3], b[2], b[1], b[0], b[5], b[4], b[7], b[6], b[8], b[9], b[10], b[11], b[12], b[13], b[14], b[15]]
}

/// An entry with start and size in MiB, on a disk with sectors of 512 bytes.
pub(crate) fn entry(kind: u128, label: &str, start: u64, size: u64) -> GPTPartitionEntry {
    GPTPartitionEntry {
        partition_type_guid: on_disk(kind),
        unique_partition_guid: [start as u8; 16],
        starting_lba: start * 2048,
        ending_lba: (start + size) * 2048 - 1,
        attribute_bits: 0,
        partition_name: label.into(),
    }
}

/// An EFI system partition with a FAT's first sector, a hash tree that is mostly zeros, and `/usr`.
pub(crate) fn image() -> Vec<u8> {
    let mut image = Cursor::new(vec![0; 8 * MIB]);
    let mut gpt = GPT::new_from(&mut image, 512, [7; 16]).unwrap();
    gpt[1] = entry(ESP, "esp", 1, 2);
    gpt[2] = entry(VERITY, "verity-1", 3, 2);
    gpt[3] = entry(USR, "usr-1", 5, 2);
    gpt.write_into(&mut image).unwrap();
    GPT::write_protective_mbr_into(&mut image, 512).unwrap();
    let mut image = image.into_inner();
    image[MIB..3 * MIB].fill(1);
    image[MIB + 11..MIB + 13].copy_from_slice(&512_u16.to_le_bytes());
    image[MIB + 82..MIB + 87].copy_from_slice(b"FAT32");
    image[MIB + 510..MIB + 512].copy_from_slice(&[0x55, 0xaa]);
    image[3 * MIB..3 * MIB + 8].copy_from_slice(b"verity\0\0");
    image[5 * MIB..END].fill(3);
    image
}

/// The disk holds the image, and both copies of its table are its own.
pub(crate) fn assert_burned(disk: &[u8], image: &[u8]) {
    assert!(disk[MIB..END] == image[MIB..END], "the partitions are other ones");
    assert_table(disk, image, 512);
}

/// Both copies of the table name the image's partitions in sectors of this size, and each other.
pub(crate) fn assert_table(disk: &[u8], image: &[u8], sector: u64) {
    let wanted = places(&GPT::read_from(&mut Cursor::new(image), 512).unwrap());
    let mut torn = disk.to_owned();
    torn[sector as usize] ^= 1;
    for (disk, other) in [(disk, disk.len() as u64 / sector - 1), (&torn, 1)] {
        let gpt = GPT::read_from(&mut Cursor::new(disk), sector).unwrap();
        assert_eq!(places(&gpt), wanted);
        assert_eq!(gpt.header.backup_lba, other);
    }
}

/// Labels, starts and ends, in bytes.
fn places(gpt: &GPT) -> Vec<(String, u64, u64)> {
    let used = gpt.iter().filter(|(_, entry)| entry.is_used());
    let bytes = |lba: u64| lba * gpt.sector_size;
    used.map(|(_, e)| (e.partition_name.as_str().to_owned(), bytes(e.starting_lba), bytes(e.ending_lba + 1)))
        .collect()
}

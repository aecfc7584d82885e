//! How much of its device a file system uses, by its superblock.

use super::filesystem;
use crate::config::Filesystem;

/// ext4: its superblock, and the feature of sizes with 64 bits (kernel documentation,
/// filesystems/ext4/super.rst).
const EXT4: usize = 1024;
const EXT4_64BIT: u32 = 0x80;
/// btrfs: its superblock, and `total_bytes` in it (btrfs-dev-docs, on-disk format).
const BTRFS_TOTAL: usize = 0x1_0000 + 0x70;
/// A file system leaves less than this unused, in whole blocks or groups.
const REST: u64 = 1 << 20;

/// Returns whether a device has room that its file system does not use. `head` has the device's
/// first [`super::HEAD_BYTES`], and `device` is its size in bytes.
#[must_use]
pub fn has_room(head: &[u8], device: u64) -> bool {
    bytes(head).is_some_and(|used| device >= used.saturating_add(REST))
}

fn bytes(head: &[u8]) -> Option<u64> {
    let little = |at| Some(u32::from_le_bytes(field(head, at)?));
    match filesystem(head)? {
        // sb_blocksize and sb_dblocks (XFS Algorithms & Data Structures, "Superblocks").
        Filesystem::Xfs => {
            let (block, count) = (u32::from_be_bytes(field(head, 4)?), u64::from_be_bytes(field(head, 8)?));
            count.checked_mul(block.into())
        }
        Filesystem::Ext4 => {
            let wide = little(EXT4 + 0x60)? & EXT4_64BIT != 0;
            let high = if wide { little(EXT4 + 0x150)? } else { 0 };
            let count = u64::from(high) << 32 | u64::from(little(EXT4 + 4)?);
            count.checked_mul(1024_u64.checked_shl(little(EXT4 + 0x18)?)?)
        }
        Filesystem::Btrfs => Some(u64::from_le_bytes(field(head, BTRFS_TOTAL)?)),
    }
}

fn field<const N: usize>(head: &[u8], at: usize) -> Option<[u8; N]> {
    head.get(at..at.checked_add(N)?)?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::volume::HEAD_BYTES;

    fn head(fields: &[(usize, &[u8])]) -> Vec<u8> {
        let mut head = vec![0; HEAD_BYTES];
        fields.iter().for_each(|(at, bytes)| head[*at..*at + bytes.len()].copy_from_slice(bytes));
        head
    }

    #[test]
    fn each_file_system_says_its_size() {
        let xfs = head(&[(0, b"XFSB"), (4, &4096_u32.to_be_bytes()), (8, &1000_u64.to_be_bytes())]);
        assert_eq!(bytes(&xfs), Some(4_096_000));
        let magic = (EXT4 + 0x38, &b"\x53\xef"[..]);
        let (size, count) = (2_u32.to_le_bytes(), 1000_u32.to_le_bytes());
        let (wide, high) = (EXT4_64BIT.to_le_bytes(), 1_u32.to_le_bytes());
        let narrow = [magic, (EXT4 + 0x18, &size), (EXT4 + 4, &count), (EXT4 + 0x150, &high)];
        assert_eq!(bytes(&head(&narrow)), Some(4_096_000));
        let all = [&narrow[..], &[(EXT4 + 0x60, &wide[..])]].concat();
        assert_eq!(bytes(&head(&all)), Some(((1 << 32) + 1000) * 4096));
        let btrfs = head(&[(0x1_0040, b"_BHRfS_M"), (BTRFS_TOTAL, &7_u64.to_le_bytes())]);
        assert_eq!(bytes(&btrfs), Some(7));
    }

    #[test]
    fn room_begins_at_a_mebibyte_and_nonsense_has_none() {
        let xfs = head(&[(0, b"XFSB"), (4, &4096_u32.to_be_bytes()), (8, &1000_u64.to_be_bytes())]);
        assert!(!has_room(&xfs, 4_096_000 + REST - 1));
        assert!(has_room(&xfs, 4_096_000 + REST));
        assert!(!has_room(&xfs, 0) && !has_room(&[], u64::MAX) && !has_room(b"XFSB", u64::MAX));
        let shift = u32::MAX.to_le_bytes();
        let ext4 = head(&[(EXT4 + 0x38, b"\x53\xef"), (EXT4 + 0x18, &shift), (EXT4 + 4, &shift)]);
        assert!(!has_room(&ext4, u64::MAX));
    }
}

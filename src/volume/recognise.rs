//! Recognises what a partition holds by its first bytes.

use super::luks2::has_second_magic;
use super::{Fault, Header, Seen};
use crate::config::Filesystem;

/// Bytes that [`recognise`] needs. The last signature is that of btrfs, at 64 KiB.
pub const HEAD_BYTES: usize = 68 << 10;

/// Offset, bytes, and description.
type Signature = (usize, &'static [u8], &'static str);

/// Signatures that a used disk is likely to have. The list need not be complete: unknown data is
/// not blank either.
const SIGNATURES: &[Signature] = &[
    (0, b"LUKS\xba\xbe\0\x01", "a LUKS1 volume"),
    (0, b"XFSB", "an xfs file system"),
    (0, b"hsqs", "a squashfs file system"),
    (0, b"verity\0\0", "a hash tree of dm-verity"),
    (3, b"-FVE-FS-", "a BitLocker volume"),
    (3, b"NTFS    ", "an NTFS file system"),
    (3, b"EXFAT   ", "an exFAT file system"),
    (54, b"FAT1", "a FAT file system"),
    (82, b"FAT32", "a FAT file system"),
    (512, b"EFI PART", "a partition table"),
    (512, b"LABELONE", "an LVM volume"),
    (1024, b"\xe2\xe1\xf5\xe0", "an erofs file system"),
    (1080, b"\x53\xef", "an ext2, ext3 or ext4 file system"),
    (4086, b"SWAPSPACE2", "swap space"),
    (4096, b"\xfc\x4e\x2b\xa9", "a part of a RAID"),
    (0x1_0040, b"_BHRfS_M", "a btrfs file system"),
];

/// Description of a partition that begins with none of them.
pub const UNKNOWN: &str = "data of an unknown kind";

const LUKS2: &[u8] = b"LUKS\xba\xbe\0\x02";

/// Returns what the first bytes of a partition are: [`HEAD_BYTES`], or more if the second copy of a
/// LUKS2 header may be behind them. `read_header` is called if there is a copy of such a header. As
/// for libcryptsetup, one whole copy is enough, whatever was written over the other.
pub fn recognise(head: &[u8], read_header: impl FnOnce() -> Result<Header, Fault>) -> Seen {
    let first = has_first_magic(head);
    let header = (first || has_second_magic(head)).then(read_header);
    match header {
        Some(Ok(header)) => return Seen::Luks2(header),
        Some(Err(Fault::Unsafe(flaw))) => return Seen::Unsafe(flaw),
        Some(Err(Fault::Damaged(cause))) if first || signature(head).is_none() => {
            return Seen::Damaged(cause);
        }
        Some(Err(Fault::Damaged(_))) | None => {}
    }
    match signature(head) {
        Some(name) => Seen::Other(name),
        None if head.iter().all(|byte| *byte == 0) => Seen::Blank,
        None => Seen::Other(UNKNOWN),
    }
}

/// Returns what else the first bytes are known to be.
pub(super) fn signature(head: &[u8]) -> Option<&'static str> {
    let known =
        |(offset, bytes, _): &&Signature| head.get(*offset..).is_some_and(|rest| rest.starts_with(bytes));
    SIGNATURES.iter().find(known).map(|(_, _, name)| *name)
}

/// Returns whether the first copy of a LUKS2 header seems to begin there.
pub(super) fn has_first_magic(head: &[u8]) -> bool {
    head.starts_with(LUKS2)
}

/// Returns the file system in the first [`HEAD_BYTES`] of an open volume, if it is one of ours.
#[must_use]
pub fn filesystem(head: &[u8]) -> Option<Filesystem> {
    let kinds = [
        (0, &b"XFSB"[..], Filesystem::Xfs),
        (1080, b"\x53\xef", Filesystem::Ext4),
        (0x1_0040, b"_BHRfS_M", Filesystem::Btrfs),
    ];
    let found = kinds
        .iter()
        .find(|(offset, magic, _)| head.get(*offset..).is_some_and(|rest| rest.starts_with(magic)));
    found.map(|(_, _, kind)| *kind)
}

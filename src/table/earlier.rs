//! Tells an earlier installation from a table that only looks like one: its volume is still there.

use std::io::{Read, Seek, SeekFrom};

/// How each copy of a LUKS header begins.
const MAGIC: [&[u8]; 2] = [b"LUKS\xba\xbe", b"SKUL\xba\xbe"];
/// Where the second copy may be, in KiB from the first (LUKS2 On-Disk Format Specification,
/// section 2).
const SECOND: [u64; 9] = [16, 32, 64, 128, 256, 512, 1024, 2048, 4096];

/// Returns whether one copy of a LUKS header is at a place of the disk, in bytes, or might be: the
/// disk does not say.
pub(super) fn has_volume<R: Read + Seek>(disk: &mut R, place: u64) -> bool {
    let mut begins = |at: Option<u64>, magic: &[u8]| {
        let mut bytes = [0; 6];
        let read = at.map(|at| disk.seek(SeekFrom::Start(at)).and_then(|_| disk.read_exact(&mut bytes)));
        matches!(read, Some(Err(_))) || bytes == *magic
    };
    let second = SECOND.map(|kib| place.checked_add(kib << 10));
    begins(Some(place), MAGIC[0]) || second.into_iter().any(|at| begins(at, MAGIC[1]))
}

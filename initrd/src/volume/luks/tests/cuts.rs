//! Power cuts while a LUKS2 header is written.

/// Bytes of both copies of the header.
pub(crate) const HEADER: usize = 32 << 10;

/// Returns the states of the disk while one copy of the header is written after the other: first
/// without checksum, then the metadata, then with checksum, flushed before the other copy
/// (`hdr_write_disk` of libcryptsetup).
pub(crate) fn cuts(before: &[u8], after: &[u8]) -> Vec<Vec<u8>> {
    let mut disk = before.to_vec();
    let mut cuts = vec![disk.clone()];
    for copy in [0, HEADER / 2] {
        let mut unsummed = after[copy..copy + 4096].to_vec();
        unsummed[448..512].fill(0);
        let metadata = &after[copy + 4096..copy + HEADER / 2];
        for (start, bytes) in
            [(copy, &unsummed[..]), (copy + 4096, metadata), (copy, &after[copy..copy + 4096])]
        {
            for (sector, bytes) in bytes.chunks(512).enumerate() {
                disk[start + sector * 512..][..bytes.len()].copy_from_slice(bytes);
                cuts.push(disk.clone());
            }
        }
    }
    assert!(disk == after);
    cuts
}

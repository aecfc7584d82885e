//! LUKS2 headers, changed as somebody does who has the disk: both copies, with good checksums (LUKS2 On-Disk Format
//! Specification, section 2).

use pattern_vm_tests::{Disk, Partition};
use serde_json::Value;
use sha2::{Digest, Sha256};

const BINARY: usize = 4096;
const CHECKSUM: std::ops::Range<usize> = 448..512;
pub(crate) const UUID: std::ops::Range<usize> = 168..208;

/// Where the encrypted data starts, as systemd-repart and we make volumes.
pub(crate) const DATA: u64 = 16 << 20;

/// Changes both copies: what comes before the metadata, and the metadata.
pub(crate) fn edit(disk: &Disk, volume: Partition, change: impl Fn(&mut [u8], &mut Value)) {
    let size = size(disk, volume);
    for start in [volume.start, volume.start + size] {
        let mut copy = disk.read(start, size);
        let mut metadata = metadata(&copy);
        change(&mut copy[..BINARY], &mut metadata);
        let text = metadata.to_string();
        copy[BINARY..].fill(0);
        copy[BINARY..BINARY + text.len()].copy_from_slice(text.as_bytes());
        copy[CHECKSUM].fill(0);
        let sum = Sha256::digest(&copy);
        copy[CHECKSUM][..sum.len()].copy_from_slice(&sum);
        disk.write(start, &copy);
    }
}

/// The first copy: what comes before the metadata, and the metadata.
pub(crate) fn read(disk: &Disk, volume: Partition) -> (Vec<u8>, Value) {
    let mut copy = disk.read(volume.start, size(disk, volume));
    let metadata = metadata(&copy);
    copy.truncate(BINARY);
    (copy, metadata)
}

fn size(disk: &Disk, volume: Partition) -> u64 {
    let head = disk.read(volume.start, 16);
    assert!(head.starts_with(b"LUKS\xba\xbe\0\x02"), "a LUKS2 header");
    u64::from_be_bytes(head[8..].try_into().expect("8 bytes"))
}

fn metadata(copy: &[u8]) -> Value {
    let text = copy[BINARY..].split(|byte| *byte == 0).next().expect("text");
    serde_json::from_slice(text).expect("LUKS2 metadata")
}

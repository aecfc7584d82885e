//! The owner's header says that the data is not encrypted (CVE-2025-59054 and its like): key slots, tokens and digest are
//! the owner's, the TPM gives the key, and the attacker's file system is used; what is written lies in the clear.

use pattern_vm_tests::{Computer, Disk, Partition};
use serde_json::json;

use crate::tools::attack::{Attack, PLANTED};
use crate::tools::header::{self, DATA};
use crate::tools::planted::{self, OPEN};

const ATTACK: Attack = Attack {
    row: 3,
    name: "null_segment",
    what: "the header's segment gets the null cipher, the data is replaced by a file system in the clear",
    who: "writes the disk",
    prepare,
    enters: None,
    used: PLANTED,
};

#[test]
fn null_segment() {
    ATTACK.refused("segments.0.encryption is \"cipher_null-ecb\"");
}

#[test]
#[ignore = "of another system; `make attacks` runs it"]
fn null_segment_stock() {
    ATTACK.stock();
}

fn prepare(computer: &mut Computer) {
    replace_data(computer);
    let disk = computer.disk();
    disable_cipher(&disk, disk.partition("persist"));
}

/// Puts the attacker's file system where the owner's encrypted one begins.
pub(crate) fn replace_data(computer: &Computer) {
    let planted = planted::disk(computer, &OPEN);
    let disk = computer.disk();
    let volume = disk.partition("persist");
    disk.write_partition(Partition { start: volume.start + DATA, length: volume.length - DATA }, &planted);
}

pub(crate) fn disable_cipher(disk: &Disk, volume: Partition) {
    header::edit(disk, volume, |_, metadata| {
        assert_eq!(metadata["segments"]["0"]["offset"], DATA.to_string());
        metadata["segments"]["0"]["encryption"] = json!("cipher_null-ecb");
    });
}

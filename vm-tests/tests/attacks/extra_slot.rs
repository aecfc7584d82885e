//! A key slot and a digest of the attacker's beside the owner's, in the owner's header: a second key, for a passphrase that
//! the attacker knows.

use pattern_vm_tests::{Computer, Disk};
use serde_json::json;

use crate::tools::attack::{Attack, PLANTED};
use crate::tools::header;
use crate::tools::planted::{self, KNOWN, PASSPHRASE};

const ATTACK: Attack = Attack {
    row: 5,
    name: "extra_slot",
    what: "the header gets one more key slot, with a digest of its own",
    who: "writes the disk; at the console at the next boot",
    prepare,
    enters: Some(PASSPHRASE),
    used: PLANTED,
};
/// Within the 16 MiB before the data, where nothing else is.
const FREE: u64 = 8 << 20;

#[test]
#[ignore = "long; `make check-all` runs it"]
fn extra_slot() {
    ATTACK.refused("digests is an object of 2, expected exactly one");
}

#[test]
#[ignore = "of another system; `make attacks` runs it"]
fn extra_slot_stock() {
    ATTACK.stock();
}

fn prepare(computer: &mut Computer) {
    let planted = Disk::open(&planted::disk(computer, &KNOWN));
    let from = planted.partition("persist");
    let (_, theirs) = header::read(&planted, from);
    let mut slot = theirs["keyslots"]["0"].clone();
    let number = |value: &serde_json::Value| {
        value.as_str().and_then(|text| text.parse::<u64>().ok()).expect("a number")
    };
    let material = planted.read(from.start + number(&slot["area"]["offset"]), number(&slot["area"]["size"]));
    slot["area"]["offset"] = json!(FREE.to_string());
    let mut digest = theirs["digests"]["0"].clone();
    digest["keyslots"] = json!(["7"]);

    let disk = computer.disk();
    let volume = disk.partition("persist");
    disk.write(volume.start + FREE, &material);
    header::edit(&disk, volume, |_, metadata| {
        metadata["keyslots"]["7"] = slot.clone();
        metadata["digests"]["1"] = digest.clone();
    });
}

//! A volume of the attacker's with a key slot that is not encrypted, so that each passphrase opens it: that of the owner's
//! token too, which is in the header.

use std::fs;

use pattern_vm_tests::Computer;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::tools::attack::{Attack, PLANTED};
use crate::tools::header;
use crate::tools::planted::{self, KNOWN};

const ATTACK: Attack = Attack {
    row: 4,
    name: "null_keyslot",
    what: "the volume is replaced by one with the owner's token and a key slot with the null cipher",
    who: "writes the disk",
    prepare,
    enters: None,
    used: PLANTED,
};
/// Of a key slot's material, and of one hash in it (LUKS On-Disk Format Specification 1.2.3, section 2.4 "Anti-forensic
/// splitter").
const STRIPES: u64 = 4000;
const HASH: usize = 32;

#[test]
#[ignore = "long; `make check-all` runs it"]
fn null_keyslot() {
    ATTACK.refused("keyslots.0.area.encryption is \"cipher_null-ecb\"");
}

#[test]
#[ignore = "of another system; `make attacks` runs it"]
fn null_keyslot_stock() {
    ATTACK.stock();
}

fn prepare(computer: &mut Computer) {
    let planted = planted::disk(computer, &KNOWN);
    let disk = computer.disk();
    let place = disk.partition("persist");
    let (_, owners) = header::read(&disk, place);
    let tokens = owners["tokens"].as_object().expect("tokens");
    let mut token =
        tokens.values().find(|token| token["type"] == "systemd-tpm2").expect("a TPM token").clone();
    token["keyslots"] = json!(["0"]);
    disk.write_partition(place, &planted);
    disk.extract(place, &computer.folder().join("volume.raw"));
    let mut cryptsetup = computer.command("cryptsetup");
    let _ =
        cryptsetup.args(["luksDump", "--batch-mode", "--dump-volume-key", "--volume-key-file=volume.key"]);
    planted::run(cryptsetup.args(["--key-file=planted/key", "volume.raw"]));
    fs::remove_file(computer.folder().join("volume.raw")).expect("removing the copy of the volume");
    let key = fs::read(computer.folder().join("volume.key")).expect("reading the volume's key");

    header::edit(&disk, place, |_, metadata| {
        let slot = &mut metadata["keyslots"]["0"];
        slot["area"]["encryption"] = json!("cipher_null-ecb");
        slot["kdf"] = fast(&slot["kdf"]["salt"]);
        metadata["tokens"] = json!({ "0": token });
    });
    let (_, metadata) = header::read(&disk, place);
    let offset =
        metadata["keyslots"]["0"]["area"]["offset"].as_str().and_then(|text| text.parse::<u64>().ok());
    let last = place.start + offset.expect("an offset") + (STRIPES - 1) * key.len() as u64;
    disk.write(place.start + offset.expect("an offset"), &vec![0; key.len() * 3999]);
    disk.write(last, &split(&key));
}

/// What costs no time, as the passphrase does not matter.
fn fast(salt: &Value) -> Value {
    json!({ "type": "pbkdf2", "hash": "sha256", "iterations": 1000, "salt": salt })
}

/// The last stripe of a key, when all others are zero.
fn split(key: &[u8]) -> Vec<u8> {
    let diffused = (1..STRIPES).fold(vec![0; key.len()], |stripe, _| diffuse(&stripe));
    key.iter().zip(diffused).map(|(key, stripe)| key ^ stripe).collect()
}

fn diffuse(stripe: &[u8]) -> Vec<u8> {
    let blocks = (0u32..).zip(stripe.chunks(HASH));
    blocks.flat_map(|(number, block)| Sha256::digest([&number.to_be_bytes(), block].concat())).collect()
}

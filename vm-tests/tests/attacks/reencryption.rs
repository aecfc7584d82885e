//! The owner's header says that the volume is being decrypted for good (CVE-2021-4122): what opens it goes on with that.

use pattern_vm_tests::Computer;
use serde_json::json;

use crate::tools::attack::{Attack, KEPT};
use crate::tools::header;

const ATTACK: Attack = Attack {
    row: 6,
    name: "reencryption",
    what: "the header says that the volume is being decrypted (CVE-2021-4122)",
    who: "writes the disk",
    prepare,
    enters: None,
    used: KEPT,
};
/// What is said to be decrypted already.
const DONE: u64 = 16 << 20;

#[test]
#[ignore = "long; `make check-all` runs it"]
fn reencryption() {
    ATTACK.refused("config.requirements.mandatory is [\"online-reencrypt-v2\"]");
}

#[test]
#[ignore = "of another system; `make attacks` runs it"]
fn reencryption_stock() {
    ATTACK.stock();
}

/// The form of libcryptsetup's lib/luks2/luks2_reencrypt.c; it wants a digest of all this, keyed by the volume's key, since
/// version 2.4.3.
fn prepare(computer: &mut Computer) {
    let disk = computer.disk();
    header::edit(&disk, disk.partition("persist"), |_, metadata| {
        let whole = metadata["segments"]["0"].clone();
        let start: u64 = whole["offset"].as_str().and_then(|text| text.parse().ok()).expect("an offset");
        let mut rest = whole.clone();
        rest["offset"] = json!((start + DONE).to_string());
        rest["iv_tweak"] = json!((DONE / 512).to_string());
        let mut before = whole;
        before["flags"] = json!(["backup-previous"]);
        metadata["segments"] = json!({
            "0": { "type": "linear", "offset": start.to_string(), "size": DONE.to_string() },
            "1": rest,
            "2": before,
            "3": { "type": "linear", "offset": start.to_string(), "size": "dynamic", "flags": ["backup-final"] },
        });
        metadata["digests"]["0"]["segments"] = json!(["1", "2"]);
        metadata["keyslots"]["7"] = json!({
            "type": "reencrypt", "mode": "decrypt", "direction": "forward", "key_size": 1,
            "area": { "type": "none", "offset": (8 << 20).to_string(), "size": "4096" },
        });
        metadata["config"]["requirements"] = json!({ "mandatory": ["online-reencrypt-v2"] });
    });
}

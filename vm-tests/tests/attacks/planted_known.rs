//! Another volume in the place of the owner's, whose key somebody at the console enters: one that they made, or that of a
//! machine of theirs.

use pattern_vm_tests::Computer;
use serde_json::json;

use crate::tools::attack::{Attack, PLANTED};
use crate::tools::header::{self, UUID};
use crate::tools::planted::{self, KNOWN, PASSPHRASE};

const ATTACK: Attack = Attack {
    row: 1,
    name: "planted_known",
    what: "the volume is replaced by one whose key is known, such as another machine's",
    who: "writes the disk; at the console at the next boot",
    prepare,
    enters: Some(PASSPHRASE),
    used: PLANTED,
};

#[test]
#[ignore = "long; `make check-all` runs it"]
fn planted_known() {
    ATTACK.refused("this is not the volume that this machine made; nothing of it was used");
}

#[test]
#[ignore = "of another system; `make attacks` runs it"]
fn planted_known_stock() {
    ATTACK.stock();
}

pub(crate) fn prepare(computer: &mut Computer) {
    let planted = planted::disk(computer, &KNOWN);
    let disk = computer.disk();
    let place = disk.partition("persist");
    let (owners, _) = header::read(&disk, place);
    disk.write_partition(place, &planted);
    // It has the owner's UUID, and by its token its key is a recovery key.
    header::edit(&disk, place, |binary, metadata| {
        binary[UUID].copy_from_slice(&owners[UUID]);
        metadata["tokens"] = json!({ "0": { "type": "systemd-recovery", "keyslots": ["0"] } });
    });
}

//! Another volume in the place of the owner's, which this TPM opens: it seals for everybody, and sealing takes only the public
//! part of its storage root key.

use pattern_vm_tests::Computer;

use crate::tools::attack::{Attack, PLANTED};
use crate::tools::planted::{self, Lock, SEALED, SEALED_ELSEWHERE};

const ATTACK: Attack = Attack {
    row: 2,
    name: "planted_sealed",
    what: "the volume is replaced by one that is sealed to this TPM",
    who: "has the machine for a while, and starts a system of theirs",
    prepare: |computer| replace(computer),
    enters: None,
    used: PLANTED,
};
const ELSEWHERE: Attack = Attack {
    row: 2,
    name: "planted_sealed_elsewhere",
    what: "the same, sealed without this TPM",
    who: "writes the disk; has read the public part of the TPM's storage root key",
    prepare: |computer| {
        planted::read_storage_root_key(computer);
        replace_by(computer, &SEALED_ELSEWHERE);
    },
    ..ATTACK
};

#[test]
fn planted_sealed() {
    ATTACK.refused("this is not the volume that this machine made; nothing of it was used");
}

#[test]
#[ignore = "of another system; `make attacks` runs it"]
fn planted_sealed_stock() {
    ATTACK.stock();
}

#[test]
#[ignore = "long; `make check-all` runs it"]
fn planted_sealed_elsewhere() {
    ELSEWHERE.refused("a key sealed away from its TPM");
}

#[test]
#[ignore = "of another system; `make attacks` runs it"]
fn planted_sealed_elsewhere_stock() {
    ELSEWHERE.stock();
}

pub(crate) fn replace(computer: &Computer) {
    replace_by(computer, &SEALED);
}

fn replace_by(computer: &Computer, lock: &Lock) {
    let planted = planted::disk(computer, lock);
    let disk = computer.disk();
    disk.write_partition(disk.partition("persist"), &planted);
}

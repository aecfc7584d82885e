//! A block of `/usr` is changed, so that a file of the attacker's choice can't be read, in a boot that has the owner's volume open.
//! Where a changed block restarts the machine, that is waited for once, and the power is cut.

use crate::tools::attack::{Attack, BY_STEPS, KEPT};

const ATTACK: Attack = Attack {
    row: 44,
    name: "damaged_usr",
    what: "a block of `/usr` is changed, so that a file which they choose is missing, and the last boot was cut short",
    who: "writes the disk; can cut the power",
    prepare: |computer| {
        let disk = computer.disk();
        let place = disk.usr().start + (64 << 20);
        let changed: Vec<u8> = disk.read(place, 4096).iter().map(|byte| byte ^ 1).collect();
        disk.write(place, &changed);
    },
    // The volume is open all the same.
    used: KEPT,
    ..BY_STEPS
};

#[test]
#[ignore = "long; `make check-all` runs it"]
fn damaged_usr() {
    ATTACK.refused("so the TPM is not asked for the key");
}

#[test]
#[ignore = "of another system; `make attacks` runs it"]
fn damaged_usr_stock() {
    ATTACK.stock();
}

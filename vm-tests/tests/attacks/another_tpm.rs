//! The disk in another machine, with another TPM.

use crate::tools::attack::{Attack, KEPT};

const ATTACK: Attack = Attack {
    row: 9,
    name: "another_tpm",
    what: "the disk is started in another machine",
    who: "has the disk",
    prepare: |computer| computer.clear_tpm(),
    enters: None,
    used: KEPT,
};

#[test]
#[ignore = "long; `make check-all` runs it"]
fn another_tpm() {
    ATTACK.refused("the TPM was cleared, or is another one");
}

#[test]
#[ignore = "of another system; `make attacks` runs it"]
fn another_tpm_stock() {
    ATTACK.stock();
}

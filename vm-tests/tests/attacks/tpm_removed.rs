//! The TPM is taken out, or switched off in the firmware's setup: nothing can say which volume is the owner's, and nothing can be
//! locked.

use pattern_vm_tests::Computer;

use crate::planted_known;
use crate::tools::attack::{Attack, BY_STEPS, PLANTED};

const ATTACK: Attack = Attack {
    row: 38,
    name: "tpm_removed",
    what: "the TPM is taken out, and the volume is replaced by one that opens without it; nobody is at the console",
    who: "has the machine for a while",
    prepare,
    used: PLANTED,
    ..BY_STEPS
};

#[test]
#[ignore = "long; `make check-all` runs it"]
fn tpm_removed() {
    ATTACK.refused("the TPM does not open /dev/vda6: it has no TPM token; enter the recovery key");
}

#[test]
#[ignore = "of another system; `make attacks` runs it"]
fn tpm_removed_stock() {
    ATTACK.stock();
}

fn prepare(computer: &mut Computer) {
    computer.remove_tpm();
    planted_known::prepare(computer);
}

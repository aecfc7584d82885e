//! What the TPM knows of the volume is removed, as everybody can who starts a system of theirs; then the volume is replaced by one
//! that is sealed to this TPM.

use pattern_vm_tests::{Chip, Computer};

use crate::planted_sealed;
use crate::tools::attack::{Attack, BY_STEPS, PLANTED};
use crate::tools::stolen::indices;

const ATTACK: Attack = Attack {
    row: 36,
    name: "identity_removed",
    what: "what the TPM knows of the volume is removed, and the volume is replaced by one that is sealed to this TPM",
    who: "has the machine for a while, and starts a system of theirs",
    prepare,
    used: PLANTED,
    ..BY_STEPS
};

#[test]
#[ignore = "long; `make check-all` runs it"]
fn identity_removed() {
    ATTACK.refused("the TPM has no record of this volume");
}

#[test]
#[ignore = "of another system; `make attacks` runs it"]
fn identity_removed_stock() {
    ATTACK.stock();
}

fn prepare(computer: &mut Computer) {
    {
        let chip = Chip::of(computer);
        for index in indices(&chip) {
            let removed = chip.run("tpm2_nvundefine", &["-C", "o", &index]);
            removed.unwrap_or_else(|complaint| panic!("{index}: {complaint}"));
        }
    }
    planted_sealed::replace(computer);
}

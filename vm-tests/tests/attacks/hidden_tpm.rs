//! The TPM's driver is kept from starting, so that nothing is locked in the TPM; root would bind it later, in the running system.

use crate::tools::attack::{Attack, BY_STEPS, KEPT};

const ATTACK: Attack = Attack {
    row: 45,
    name: "hidden_tpm",
    what: "the TPM is hidden from the initrd, to be asked for the key later: `initcall_blacklist=init_tis` is on the kernel command line",
    who: "adds to the kernel command line, by SMBIOS; root in the running system",
    prepare: |computer| computer.words("initcall_blacklist=init_tis"),
    used: KEPT,
    ..BY_STEPS
};

#[test]
#[ignore = "long; `make check-all` runs it"]
fn hidden_tpm() {
    ATTACK.refused("but the kernel has no device for it (/dev/tpmrm0)");
}

#[test]
#[ignore = "of another system; `make attacks` runs it"]
fn hidden_tpm_stock() {
    ATTACK.stock();
}

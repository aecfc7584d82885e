//! Root in the running system asks the TPM for the volume's key again.

use pattern_vm_tests::Computer;

use crate::attack::Attack;

const ATTACK: Attack = Attack {
    row: 12,
    name: "root_after_boot",
    what: "the TPM is asked for the volume's key again",
    who: "root in the running system",
    prepare: |_| (),
    enters: None,
    used: "key: given again",
};
/// systemd's own plug-in of libcryptsetup. It does not open the volume, which is open already.
const ASK: &str =
    "cryptsetup open --test-passphrase --token-only --token-type systemd-tpm2 /dev/disk/by-partlabel/persist";
const SAYS: &str = "Failed to unseal secret using TPM2";

#[test]
#[ignore = "long; `make check-all` runs it"]
fn root_after_boot() {
    let mut guest = Computer::installed(ATTACK.name).boot();
    let said = guest.must_fail(ASK);
    assert!(said.contains(SAYS), "{said}");
    ATTACK.note("ours", &format!("refused: \"{SAYS}\""));
}

#[test]
#[ignore = "of another system; `make attacks` runs it"]
fn root_after_boot_stock() {
    let mut guest = Computer::stock(&ATTACK.on_stock()).start();
    let said = guest.expect("report: end");
    let given = said.contains(&format!("report: {}", ATTACK.used));
    ATTACK.note("stock", if given { "**used**: the TPM gives it" } else { "refused by the TPM" });
}

//! A TPM that the firmware has and the kernel does not show, as when its driver fails, would be unlocked when it appears later: an
//! image with `debug = false` stops before anybody can open its volume, and says how to go on; one with `debug = true` warns.

use pattern_vm_tests::Computer;

/// The driver of the machine's TPM does not start.
const NO_DRIVER: &str = "initcall_blacklist=init_tis";
const MISSING: &str = "measured the kernel into a TPM, but the kernel has no device for it (/dev/tpmrm0)";

#[test]
#[ignore = "long; `make check-all` runs it"]
fn hidden_tpm() {
    let mut computer = Computer::production("hidden_tpm");
    computer.words(NO_DRIVER);
    let mut guest = computer.start();
    let said = guest.expect("This image gives nobody a shell here.");
    assert!(said.contains(MISSING) && said.contains("turn the TPM off in the firmware's setup"), "{said}");
    assert!(!said.contains("Recovery key for"), "{said}");
    assert!(!guest.has_a_shell(), "a shell answers");
}

#[test]
#[ignore = "long; `make check-all` runs it"]
fn hidden_tpm_debug() {
    let mut computer = Computer::installed("hidden_tpm_debug");
    let key = computer.recovery_key();
    computer.words(NO_DRIVER);
    let mut guest = computer.start_initrd();
    let said = guest.expect("Recovery key for /dev/vda6:");
    assert!(said.contains(MISSING) && said.contains("this image has debug = true and goes on"), "{said}");
    guest.send(&key);
    guest.wait_for_initrd_shell();
    assert_eq!(guest.must("cat /sysroot/home/kept"), "kept");
    guest.power_off();
}

//! Without its TPM the boot says so and asks for the recovery key; with it, all files are there.

use pattern_vm_tests::Computer;

#[test]
fn no_tpm() {
    let mut computer = Computer::installed("no_tpm");
    let key = computer.recovery_key();
    computer.remove_tpm();
    let mut guest = computer.start_initrd();
    let said = guest.expect("Recovery key for /dev/vda6:");
    assert!(said.contains("no TPM: /dev/tpmrm0 does not exist; turn the TPM on"), "{said}");
    guest.send("a key that is wrong");
    guest.expect("tries left: 4");
    guest.expect("Recovery key for /dev/vda6:");
    guest.send(&key);
    guest.wait_for_initrd_shell();
    assert_eq!(guest.must("cat /sysroot/home/kept"), "kept");
    assert!(guest.must("dmesg").contains("to bind the volume to the TPM again, run: pattern rebind"));
    guest.power_off();
}

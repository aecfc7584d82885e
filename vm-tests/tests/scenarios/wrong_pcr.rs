//! Other Secure Boot keys, so another PCR 7: the boot names the PCR, asks for the recovery key, and overwrites
//! nothing; with the old keys back the TPM opens the volume again.

use pattern_vm_tests::Computer;

#[test]
fn wrong_pcr() {
    let mut computer = Computer::installed("wrong_pcr");
    let volume = computer.disk().partition("persist");
    let contents = computer.disk().read(volume.start, 64 << 20);
    computer.other_firmware_keys(true);
    let mut guest = computer.start();
    let said = guest.expect("Recovery key for /dev/vda6:");
    assert!(said.contains("PCR 7 (sha256) changed since the volume was bound to it"), "{said}");
    drop(guest);
    assert!(computer.disk().read(volume.start, 64 << 20) == contents, "the volume was written");

    computer.other_firmware_keys(false);
    let mut guest = computer.boot_initrd();
    assert_eq!(guest.must("cat /sysroot/etc/kept"), "kept");
}

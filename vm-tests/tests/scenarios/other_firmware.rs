//! Other Secure Boot keys in the firmware, so another PCR 7: an image that is signed for PCR 11 opens its volume all the same,
//! with nobody asked.

use pattern_vm_tests::Computer;

#[test]
fn other_firmware() {
    let mut computer = Computer::installed("other_firmware");
    computer.other_firmware_keys(true);
    let mut guest = computer.boot_initrd();
    assert!(guest.must("dmesg").contains("opened it by the TPM"), "{}", guest.console());
    assert_eq!(guest.must("cat /sysroot/etc/kept"), "kept");
}

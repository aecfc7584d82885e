//! An image with `debug = true` does not bind its volume to Secure Boot: with other keys in the firmware, so another PCR 7, it
//! opens the volume with nobody asked. An image for use asks, see `firmware_keys`.

use pattern_vm_tests::Computer;

#[test]
fn other_firmware() {
    let mut computer = Computer::installed("other_firmware");
    computer.other_firmware_keys(true);
    let mut guest = computer.boot_initrd();
    assert!(guest.must("dmesg").contains("opened it by the TPM"), "{}", guest.console());
    assert_eq!(guest.must("cat /sysroot/etc/kept"), "kept");
}

//! One copy of the LUKS2 header torn, as a power cut leaves it: the other opens the volume, with nobody asked, and the torn
//! one is written anew.

use pattern::volume::Header;
use pattern_vm_tests::Computer;

#[test]
fn torn_header() {
    let mut computer = Computer::installed("torn_header");
    let volume = computer.disk().partition("persist");
    let torn = |computer: &Computer| {
        let header = computer.disk().read(volume.start, 32 << 10);
        Header::vet(&header, volume.length).expect("a header that is safe to open").torn()
    };
    // Within the metadata of the first copy.
    computer.disk().write(volume.start + 5000, b"!");
    assert!(torn(&computer));
    let mut guest = computer.boot_initrd();
    assert!(guest.must("dmesg").contains("opened it by the TPM"), "{}", guest.console());
    assert_eq!(guest.must("cat /sysroot/home/kept"), "kept");
    guest.power_off();
    assert!(!torn(&computer));
}

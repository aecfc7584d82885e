//! `factory-reset.target`, which a word on the kernel command line can start, erases nothing by itself: the next boot asks, and
//! another word than the right one keeps everything.

use pattern_vm_tests::Computer;

#[test]
#[ignore = "long; `make check-all` runs it"]
fn reset_by_target() {
    let mut computer = Computer::installed("reset_by_target");
    let volume = computer.disk().partition("persist");
    let header = computer.disk().read(volume.start, 16 << 20);
    computer.words("systemd.unit=factory-reset.target");
    let mut guest = computer.start();
    let said = guest.expect("Type erase to go on, anything else to keep it:");
    assert!(said.contains("Factory reset: this erases the volume on /dev/vda6"), "{said}");
    guest.send("yes");
    let said = guest.expect("nobody confirmed the factory reset");
    assert!(!said.contains("erased the keys"), "{said}");
    drop(guest);
    assert!(computer.disk().read(volume.start, 16 << 20) == header, "the volume's header was written");

    computer.no_words();
    let mut guest = computer.boot_initrd();
    assert!(
        guest.must("dmesg").contains("no request for a factory reset; nothing to do"),
        "{}",
        guest.console()
    );
    assert_eq!(guest.must("cat /sysroot/home/kept"), "kept");
    guest.power_off();
}

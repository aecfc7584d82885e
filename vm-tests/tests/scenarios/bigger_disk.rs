//! A disk that got larger between two boots: partition, volume and file system take the new space, the files stay,
//! and no other partition moves.

use pattern_vm_tests::Computer;

#[test]
fn bigger_disk() {
    let mut computer = Computer::installed("bigger_disk");
    let before = computer.disk().partition("persist");
    let usr = computer.disk().partition("usr-0.0.1");
    computer.enlarge("+16G");

    let mut guest = computer.boot_initrd();
    let size = guest.must("findmnt -bno SIZE /sysroot/persist");
    let size = size.trim().parse::<u64>().expect("a size in bytes");
    assert!(size > 9 << 30, "the file system has {size} bytes");
    assert_eq!(guest.must("cat /sysroot/var/kept"), "kept");
    // What systemd's own programs say in the initrd is in the kernel's log.
    let log = guest.must("dmesg");
    assert!(log.contains("systemd-growfs") && log.contains("Successfully resized"), "{log}");
    guest.power_off();

    let after = computer.disk().partition("persist");
    assert_eq!(after.start, before.start);
    assert!(after.length >= before.length + (9 << 30), "{before:?} became {after:?}");
    assert_eq!(computer.disk().partition("usr-0.0.1"), usr);
}

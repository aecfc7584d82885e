//! `pattern.volatile`: one boot with nothing persisted. The volume stays closed, and the next boot has it as it was.

use pattern_vm_tests::Computer;

#[test]
fn volatile() {
    let mut computer = Computer::installed("volatile");
    let volume = computer.disk().partition("persist");
    let header = computer.disk().read(volume.start, 64 << 20);
    computer.words("pattern.volatile");
    let mut guest = computer.boot_initrd();
    for name in ["etc", "home", "srv", "var"] {
        guest.must_fail(&format!("cat /sysroot/{name}/kept"));
        guest.must(&format!("echo lost >/sysroot/{name}/lost"));
    }
    assert_eq!(guest.must("findmnt -no FSTYPE -T /sysroot/etc"), "tmpfs");
    guest.must_fail("ls /dev/mapper/persist");
    guest.power_off();
    assert!(computer.disk().read(volume.start, 64 << 20) == header, "the volume was written");
}

//! `pattern.grow=no`: a larger disk changes nothing in this boot, and the volume is opened all the same.

use pattern_vm_tests::Computer;

#[test]
#[ignore = "long; `make check-all` runs it"]
fn no_grow() {
    let mut computer = Computer::installed("no_grow");
    computer.enlarge("+16G");
    let table = computer.disk().table();
    computer.words("pattern.grow=no");
    let mut guest = computer.boot_initrd();
    assert_eq!(guest.must("cat /sysroot/srv/kept"), "kept");
    assert!(guest.must("dmesg").contains("growth is off: "), "{}", guest.console());
    guest.power_off();
    assert!(computer.disk().table() == table, "the partition table was written");
}

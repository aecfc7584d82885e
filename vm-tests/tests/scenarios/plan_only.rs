//! `pattern.plan_only`: the first boot says what it would do, and does nothing: no byte of the table changes, and
//! the system runs with nothing persisted.

use pattern_vm_tests::Computer;

#[test]
fn plan_only() {
    let mut computer = Computer::new("plan_only");
    let table = computer.disk().table();
    computer.words("pattern.plan_only");
    let mut guest = computer.boot_initrd();
    let log = guest.must("dmesg");
    assert!(log.contains("planned only: backup table moves to the end"), "{log}");
    assert!(log.contains("planned only: make one with "), "{log}");
    guest.must("for name in etc home srv var; do : >/sysroot/$name/file || exit; done");
    guest.must_fail("findmnt /sysroot/persist");
    guest.power_off();
    assert!(computer.disk().table() == table, "the partition table was written");
}

//! A disk too small for the target shape: the boot says how much it needs, and changes no byte of it.

use pattern_vm_tests::Computer;

#[test]
fn disk_too_small() {
    let mut computer = Computer::with_disk("disk_too_small", "+64M");
    let table = computer.disk().table();
    let mut guest = computer.start();
    let said = guest.expect("disk /dev/vda: no room for persist: it needs ");
    assert!(said.contains("the layout needs 5 GiB: enlarge the disk by "), "{said}");
    guest.expect("emergency mode");
    drop(guest);
    assert!(computer.disk().table() == table, "the partition table was written");
}

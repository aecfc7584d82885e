//! A partition named `persist` that holds something else is left alone: the boot says what it saw, and stops.

use pattern_vm_tests::Computer;

#[test]
fn foreign_persist() {
    let mut computer = Computer::installed("foreign_persist");
    let volume = computer.disk().partition("persist");
    let mut foreign = vec![0; 64 << 20];
    foreign[..4].copy_from_slice(b"XFSB");
    computer.disk().write(volume.start, &foreign);
    let table = computer.disk().table();

    let mut guest = computer.start();
    let said = guest.expect("nothing was changed");
    assert!(said.contains("persist volume /dev/vda6: the partition holds an xfs file system"), "{said}");
    drop(guest);
    assert!(computer.disk().table() == table, "the partition table was written");
    assert!(computer.disk().read(volume.start, 64 << 20) == foreign, "the foreign partition was written");
}

//! A `/usr` without its verity superblock is not opened: the boot stops before anything is read from it.

use pattern_vm_tests::Computer;

#[test]
fn tampered_superblock() {
    let mut computer = Computer::installed("tampered_superblock");
    let tree = computer.disk().partition("verity-0.0.1");
    computer.disk().write(tree.start, &[0; 512]);
    let table = computer.disk().table();
    let mut guest = computer.start();
    let said = guest.expect("emergency mode");
    assert!(said.contains("no dm-verity superblock there; the image is damaged"), "{said}");
    assert!(!said.contains("pattern-grow["), "a stage ran on an unverified disk:\n{said}");
    drop(guest);
    assert!(computer.disk().table() == table, "the partition table was written");
}

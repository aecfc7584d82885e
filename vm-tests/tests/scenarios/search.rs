//! A disk that does not appear is named with what is there, and the boot ends.

use pattern_vm_tests::Computer;

#[test]
#[ignore = "long; `make check-all` runs it"]
fn search_in_vain() {
    let mut computer = Computer::installed("search_in_vain");
    let uuid = "11111111-2222-4333-8444-555555555555";
    let disk = computer.folder().join("disk.raw");
    let changed =
        computer.command("sfdisk").args(["--quiet", "--part-uuid"]).arg(disk).args(["3", uuid]).status();
    assert!(changed.expect("starting sfdisk").success(), "sfdisk failed");
    let mut guest = computer.start();
    guest.expect("did not appear on a disk in 90 s; the kernel has found vda; connect the disk, or start another version");
    guest.expect("emergency mode");
}

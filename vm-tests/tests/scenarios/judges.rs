//! The judge of disks knows a good one, forgives one damaged copy of the partition table, and finds what is damaged.

use std::slice;

use pattern_vm_tests::{Bootable, Computer, Disk, Judge};

#[test]
fn judges() {
    // Only the first boot moves the second copy of the table to the end of a larger disk.
    let computer = Computer::installed("judges");
    let (disk, mut judge) = (computer.disk(), computer.judge(Vec::new()));
    let good = Ok(Bootable { version: "0.0.1".to_owned(), entry: "demo_0.0.1.efi".to_owned() });
    assert_eq!(judge.judge(&disk, &[]), good);

    // The sum of the entries, in the first header.
    assert_eq!(judge_damaged(&mut judge, &disk, 512 + 88), good);
    let (usr, tree) = (disk.partition("usr-0.0.1"), disk.partition("verity-0.0.1"));
    for (at, wanted) in [
        (510, "the first sector has no record of type ee"),
        (usr.start + (64 << 20), "opening /usr of demo_0.0.1.efi: "),
        (tree.start + 4096, "opening /usr of demo_0.0.1.efi: "),
    ] {
        let said = judge_damaged(&mut judge, &disk, at).unwrap_err();
        println!("{said}");
        assert!(said.starts_with(wanted), "{said}");
        assert_eq!(judge.judge(&disk, slice::from_ref(&(at..at + 1))), good);
    }
}

/// The verdict with one bit changed, which is then changed back.
fn judge_damaged(judge: &mut Judge, disk: &Disk, at: u64) -> Result<Bootable, String> {
    let byte = disk.read(at, 1);
    disk.write(at, &[byte[0] ^ 1]);
    let verdict = judge.judge(disk, slice::from_ref(&(at..at + 1)));
    disk.write(at, &byte);
    verdict
}

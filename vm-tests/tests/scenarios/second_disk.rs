//! A second disk with the same labels, even with an empty `persist`, is never looked at: the volume is made on the
//! disk that `/usr` came from, and not one byte of the other changes.

use std::fs;

use pattern_vm_tests::Computer;

#[test]
fn second_disk() {
    let mut computer = Computer::new("second_disk");
    let other = computer.add_disk(512, &["esp", "verity-0.0.1", "usr-0.0.1", "_empty", "_empty", "persist"]);
    let before = fs::read(&other).expect("reading the other disk");
    let mut guest = computer.boot_initrd();
    let below = guest.must("lsblk --inverse --noheadings --raw --output NAME /dev/mapper/persist");
    assert!(below.lines().eq(["persist", "vda6", "vda"]), "{below}");
    guest.power_off();
    assert!(fs::read(&other).expect("reading the other disk") == before, "the other disk was written");
}

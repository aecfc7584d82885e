//! A power cut after any single write of a factory reset: the old volume is there, whole; or it is given up, and the next boot
//! finishes the work; or the new volume is there, whole, with nothing left of the old one's keys.

use pattern_vm_tests::{Chip, Computer, Cuts, Disk, Each};

const KEYS: u64 = 16 << 20;

#[test]
#[ignore = "long; `make check-all` runs it"]
fn reset_power_cut() {
    let mut computer = Computer::installed("reset_power_cut");
    let mut guest = computer.boot();
    guest.must("pattern reset --yes");
    guest.power_off();
    let volume = computer.disk().partition("persist");
    let old = computer.disk().read(volume.start, KEYS);

    let writes = computer.record_writes();
    let mut guest = computer.boot_initrd();
    assert!(guest.must("dmesg").contains("erased the keys of /dev/vda6"), "{}", guest.console());
    guest.power_off();

    let mut cuts = writes.cuts(Each::Write);
    let (mut states, mut all) = (Vec::new(), 0);
    let (mut kept_header, mut erased) = (false, false);
    while cuts.advance().is_some() {
        all += 1;
        let state = state(cuts.disk(), &old).unwrap_or_else(|why| panic!("{}: {why}", cuts.place()));
        // Two of them are booted: before anything is overwritten, and when the keys have just gone.
        let keys = cuts.disk().read(volume.start, KEYS);
        if state == "given up" && !kept_header && keys == old {
            kept_header = true;
            finishes(&mut computer, &cuts);
        }
        if state == "given up" && !erased && keys.iter().all(|byte| *byte == 0) {
            erased = true;
            finishes(&mut computer, &cuts);
        }
        states.push(state);
    }
    println!("whole after {all} of {all} writes");
    states.dedup();
    assert_eq!(states, ["old", "given up", "new"]);
    assert!(
        kept_header && erased,
        "no cut between the table and the keys, or between the keys and the new volume"
    );
}

/// Which of the three it is.
fn state(disk: &Disk, old: &[u8]) -> Result<&'static str, String> {
    let labels = disk.labels();
    if labels.last().is_some_and(|label| label == "persist-reset") {
        return Ok("given up");
    }
    let now = disk.read(disk.partition("persist").start, KEYS);
    let (old, now) = (old.chunks(4096), now.chunks(4096));
    let same =
        old.clone().zip(now.clone()).filter(|(one, other)| one == other && one.iter().any(|byte| *byte != 0));
    match same.count() {
        0 if now.clone().next().is_some_and(|block| block.starts_with(b"LUKS\xba\xbe")) => Ok("new"),
        count if old.eq(now) => Ok(if count > 0 { "old" } else { "blank" }),
        count => Err(format!("{labels:?}, with {count} blocks of the old header")),
    }
}

/// Boots from the disk that a cut left. The request is gone: the disk alone says what is to be done.
fn finishes(computer: &mut Computer, cuts: &Cuts) {
    computer.insert(cuts.disk());
    // The TPM of that moment had forgotten the old volume, and did not know the new one yet.
    Chip::of(computer).forget_volumes();
    let mut guest = computer.boot_initrd();
    let log = guest.must("dmesg");
    assert!(log.contains("no request for a factory reset; erased the keys of /dev/vda6"), "{log}");
    guest.must_fail("ls /sysroot/home/kept");
    assert_eq!(guest.must("findmnt -no SOURCE /sysroot/home"), "/dev/mapper/persist[/root/home]");
    guest.power_off();
}

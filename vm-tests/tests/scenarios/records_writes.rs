//! A record of a machine's writes leads to the disk as the machine left it; what the guest had flushed is there from the
//! cut after it on.

use pattern_vm_tests::{Disk, Each, Small};

const MIB: u64 = 1 << 20;

#[test]
fn records_writes() {
    let mut machine = Small::new("records_writes");
    machine.add_disk(320);
    let writes = machine.record_writes();
    let mut guest = machine.boot();
    guest.must("printf one | dd of=/dev/vda bs=1M seek=16 conv=fsync");
    guest.must("printf two | dd of=/dev/vda bs=1M seek=17 conv=fsync");
    guest.must("dd if=/usr/bin/bash of=/dev/vda bs=1M seek=18 conv=fsync");
    // Discards the whole disk, then writes here and there, zeros too.
    guest.must("mkfs.xfs -f /dev/vda");
    guest.power_off();

    let mut cuts = writes.cuts(Each::Flush);
    let mut states = Vec::new();
    while let Some(written) = cuts.advance() {
        println!("{}: {} writes more", cuts.place(), written.len());
        states.push([0, 16, 17, 18].map(|mib| word(cuts.disk(), mib)));
    }
    states.dedup();
    let wanted =
        [["", "", "", ""], ["", "one", "", ""], ["", "one", "two", ""], ["", "one", "two", "\x7fELF"]];
    assert_eq!(states[..4], wanted);
    assert_eq!(states.last(), Some(&["XFSB", "", "", ""].map(str::to_owned)));
    for mib in 0..320 {
        let same = cuts.disk().read(mib * MIB, MIB) == machine.disk().read(mib * MIB, MIB);
        assert!(same, "the disks differ at {mib} MiB");
    }
}

/// What is written at this MiB, if anything.
fn word(disk: &Disk, mib: u64) -> String {
    String::from_utf8_lossy(&disk.read(mib * MIB, 4)).trim_end_matches('\0').to_owned()
}

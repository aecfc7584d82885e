//! A disk that shows the owner's header to who vets it, and another one to who reads it again.

use pattern_vm_tests::{Computer, Disk, Partition, Turncoat};

use crate::null_segment;
use crate::tools::attack::{Attack, PLANTED};
use crate::tools::header::DATA;

const ATTACK: Attack = Attack {
    row: 10,
    name: "header_switch",
    what: "the disk answers with another header from the second read on",
    who: "has replaced the disk by a device of theirs",
    prepare: |computer| drop(switch_after(computer, 1)),
    enters: None,
    used: PLANTED,
};
const BOTH_COPIES: u64 = 32 << 10;
/// By the right header the attacker's file system is noise.
const OPENED_AS_VETTED: &str =
    "its file system can't be recognised; by pattern.toml it is xfs. xfs_repair may";

/// Whichever read is the first wrong one: it is refused as long as somebody vets what comes then.
#[test]
#[ignore = "long; `make check-all` runs it"]
fn header_switch() {
    for honest in 1.. {
        let (outcome, disk) = ATTACK.ours_after(|computer| switch_after(computer, honest));
        assert!(!outcome.used, "after {honest} honest reads: {}", outcome.words);
        let vetted = outcome.console.contains("that is not safe to open: ");
        let opened = outcome.console.contains(OPENED_AS_VETTED);
        assert!(vetted || opened, "after {honest} honest reads:\n{}", outcome.console);
        println!(
            "after {honest} honest reads of {}: {}",
            disk.reads(),
            if vetted { "seen" } else { "no effect" }
        );
        if disk.reads() <= honest {
            break;
        }
    }
    ATTACK.note("ours", "refused: the volume is opened by the copy in memory that was vetted");
}

#[test]
#[ignore = "of another system; `make attacks` runs it"]
fn header_switch_stock() {
    ATTACK.stock();
}

fn switch_after(computer: &mut Computer, honest: u32) -> Turncoat {
    null_segment::replace_data(computer);
    let disk = computer.disk();
    let volume = disk.partition("persist");
    let path = computer.folder().join("header.raw");
    disk.extract(Partition { length: DATA, ..volume }, &path);
    let header = Disk::open(&path);
    null_segment::disable_cipher(&header, Partition { start: 0, length: DATA });
    computer.betray(volume.start, header.read(0, BOTH_COPIES), honest)
}

//! Partition tables of a machine that was in use, as other tools, accidents and larger disks leave them.

use std::process::{Command, Stdio};

use pattern_vm_tests::Computer;

use crate::shop::{Row, opens};

const BASE: Row =
    Row { what: "", from: Computer::installed, prepare: |_| {}, end: |computer| opens(computer, "") };

/// Bytes of a sector.
const SECTOR: u64 = 512;
/// Of the first partition of the MBR: its number of sectors (UEFI Specification 2.10, table 5.4).
const MBR_SIZE: u64 = 446 + 12;

machines! {
    seldom larger: Row {
        what: "the disk is cloned to a larger one",
        prepare: |computer| computer.enlarge("12G"),
        end: |computer| opens(computer, "backup table moves to the end"),
        ..BASE
    };
    seldom moved_entries: Row {
        what: "the entries of the primary table are moved, as by Windows",
        prepare: |computer| sgdisk(computer, "--move-main-table=2016"),
        ..BASE
    };
    seldom moved_entries_larger: Row {
        what: "the same, and the disk is cloned to a larger one",
        prepare: |computer| {
            sgdisk(computer, "--move-main-table=2016");
            computer.enlarge("12G");
        },
        ..BASE
    };
    seldom more_entries: Row {
        what: "room for 256 partitions",
        prepare: |computer| sgdisk(computer, "--resize-table=256"),
        ..BASE
    };
    seldom hybrid: Row {
        what: "a hybrid MBR",
        prepare: |computer| sgdisk(computer, "--hybrid=1"),
        ..BASE
    };
    seldom other_mbr: Row {
        what: "a protective MBR that names another size of the disk",
        prepare: |computer| computer.disk().write(MBR_SIZE, &[0xff, 0xff, 0, 0]),
        ..BASE
    };
    seldom smaller: Row {
        what: "the disk is cloned to a smaller one",
        prepare: |computer| computer.shorten(1 << 20),
        end: does_not_start,
        ..BASE
    };
    seldom no_primary: Row {
        what: "the header of the primary table is overwritten",
        prepare: |computer| computer.disk().write(SECTOR, &[0xff; SECTOR as usize]),
        ..BASE
    };
    seldom no_backup: Row {
        what: "the header of the backup table is overwritten",
        prepare: |computer| {
            let end = std::fs::metadata(computer.folder().join("disk.raw")).expect("reading the disk's size").len();
            computer.disk().write(end - SECTOR, &[0xff; SECTOR as usize]);
        },
        ..BASE
    };
}

fn does_not_start(mut computer: Computer) -> String {
    let words = "the kernel does not accept it: the disk is smaller than it was";
    let before = computer.disk().read(0, 1 << 20);
    let mut guest = computer.start();
    guest.expect("You are in emergency mode");
    assert!(guest.console().contains(words), "{words:?} is not on the console");
    drop(guest);
    assert_eq!(computer.disk().read(0, 1 << 20), before, "the table was changed");
    format!("stops: *{words}*")
}

fn sgdisk(computer: &mut Computer, option: &str) {
    // Of this host: the tools tree has none.
    let mut sgdisk = Command::new("sgdisk");
    let done =
        sgdisk.current_dir(computer.folder()).args([option, "disk.raw"]).stdout(Stdio::null()).status();
    assert!(done.expect("starting sgdisk").success(), "{option}");
}

//! Partition tables of a machine that was in use, as other tools, accidents and larger disks leave them.

use std::process::{Command, Stdio};

use pattern_vm_tests::Computer;

use crate::shop::{Row, opens};

const BASE: Row =
    Row { what: "", from: Computer::installed, prepare: |_| {}, end: |computer| opens(computer, "") };

/// Bytes of a sector.
const SECTOR: u64 = 512;

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
    seldom no_mbr: Row {
        what: "the first sector is overwritten with zeros",
        prepare: |computer| computer.disk().write(0, &[0; SECTOR as usize]),
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

fn sgdisk(computer: &mut Computer, option: &str) {
    // Of this host: the tools tree has none.
    let mut sgdisk = Command::new("sgdisk");
    let done =
        sgdisk.current_dir(computer.folder()).args([option, "disk.raw"]).stdout(Stdio::null()).status();
    assert!(done.expect("starting sgdisk").success(), "{option}");
}

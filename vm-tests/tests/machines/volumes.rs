//! Volumes of a machine that was in use, after accidents.

use pattern_vm_tests::Computer;

use crate::shop::{Row, opens};

const BASE: Row = Row { what: "", from: Computer::installed, prepare: |_| {}, end: repaired };

/// Where the second copy of the header begins.
const SECOND: u64 = 16 << 10;

machines! {
    seldom first_sector: Row {
        what: "the first sector of the volume is overwritten with zeros",
        prepare: |computer| overwrite(computer, 0, &[0; 512]),
        ..BASE
    };
    seldom boot_sector: Row {
        what: "a FAT file system was made on the volume, and stopped",
        prepare: |computer| overwrite(computer, 0, &fat32()),
        ..BASE
    };
    seldom first_copy: Row {
        what: "the first copy of the header is overwritten",
        prepare: |computer| overwrite(computer, 0, &[0xa5; SECOND as usize]),
        ..BASE
    };
    seldom second_copy: Row {
        what: "the second copy of the header is overwritten",
        prepare: |computer| overwrite(computer, SECOND, &[0xa5; SECOND as usize]),
        ..BASE
    };
    seldom no_way_in: Row {
        what: "the TPM is cleared, and the volume has no recovery key",
        from: without_a_recovery_key,
        prepare: Computer::clear_tpm,
        end: nobody_is_asked,
    };
}

fn overwrite(computer: &mut Computer, at: u64, bytes: &[u8]) {
    let disk = computer.disk();
    disk.write(disk.partition("persist").start + at, bytes);
}

/// The first sector of FAT32, as mkfs.fat writes it.
fn fat32() -> [u8; 512] {
    let mut sector = [0; 512];
    sector[..11].copy_from_slice(b"\xeb\x58\x90mkfs.fat");
    sector[82..90].copy_from_slice(b"FAT32   ");
    sector[510..].copy_from_slice(&[0x55, 0xaa]);
    sector
}

fn repaired(computer: Computer) -> String {
    opens(computer, "a copy of the header was damaged, and is whole again") + ", and repairs the header"
}

fn without_a_recovery_key(name: &str) -> Computer {
    let mut computer = Computer::new(name);
    let all = include_str!("../../../demo/pattern.toml");
    let toml = all.replace("recovery_key = true", "recovery_key = false");
    assert_ne!(toml, all);
    computer.configure(&toml);
    computer.boot_initrd().power_off();
    computer
}

fn nobody_is_asked(mut computer: Computer) -> String {
    let words = "it has no recovery key and no passphrase, so nobody is asked";
    let mut guest = computer.start();
    guest.expect("You are in emergency mode");
    assert!(guest.console().contains(words), "{words:?} is not on the console");
    format!("stops: *{words}*")
}

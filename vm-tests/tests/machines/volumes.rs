//! Volumes of a machine that was in use, after accidents.

use pattern_vm_tests::Computer;

use crate::shop::{Row, opens};

const BASE: Row = Row { what: "", from: Computer::installed, prepare: |_| {}, end: repaired };

const SECTOR: usize = 512;
const PASSPHRASE: &str = "violet harbour 74";
/// Where the second copy of the header begins.
const SECOND: u64 = 16 << 10;

machines! {
    seldom first_sector: Row {
        what: "the first sector of the volume is overwritten with zeros",
        prepare: |computer| overwrite(computer, 0, &[0; SECTOR]),
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
    seldom damaged_files: Row {
        what: "a part of its xfs file system is overwritten with zeros",
        prepare: |computer| damage(computer, "sync; echo u >/proc/sysrq-trigger; sleep 5"),
        end: asks_to_repair,
        ..BASE
    };
    seldom damaged_files_and_log: Row {
        what: "the same, and the power fails before the log of the file system is written out",
        prepare: |computer| damage(computer, "mkdir /home/new && sync /home/new"),
        end: asks_to_repair,
        ..BASE
    };
    seldom no_superblock: Row {
        what: "the first block of its xfs file system is overwritten with zeros",
        prepare: |computer| damage_first_block(computer, 0),
        end: |computer| repairs(computer, "its file system can't be recognised; by pattern.toml it is xfs. xfs_repair may"),
        ..BASE
    };
    seldom half_a_superblock: Row {
        what: "the first block of its xfs file system is zeros behind the signature",
        prepare: |computer| damage_first_block(computer, 4),
        end: asks_to_repair,
        ..BASE
    };
    seldom unbound_slot: Row {
        what: "a key slot that belongs to no key of the volume, as an interrupted cryptsetup leaves it",
        prepare: |computer| has_it_changed(computer, "cryptsetup luksAddKey --unbound --key-size 256 /dev/vda6 /run/other"),
        end: |computer| opens(computer, ""),
        ..BASE
    };
    seldom only_a_passphrase: Row {
        what: "the owner added a passphrase, and removed the recovery key and the TPM",
        prepare: |computer| has_it_changed(computer, "cryptsetup luksAddKey --key-file /run/key /dev/vda6 /run/other && \
             systemd-cryptenroll --wipe-slot=tpm2,recovery /dev/vda6"),
        end: asks_for_a_passphrase,
        ..BASE
    };
    seldom fido2: Row {
        what: "the owner has a FIDO2 security key for it, and removed the recovery key and the TPM",
        prepare: |computer| has_it_changed(computer, &only_a_token(FIDO2)),
        end: |computer| stops(computer, "needs a FIDO2 security key, which the boot does not support"),
        ..BASE
    };
    seldom clevis: Row {
        what: "clevis binds it to a server, and nothing else opens it",
        prepare: |computer| has_it_changed(computer, &only_a_token(CLEVIS)),
        end: |computer| stops(computer, "needs what clevis asks, which the boot does not support"),
        ..BASE
    };
    seldom no_way_in: Row {
        what: "the TPM is cleared, and the volume has no recovery key",
        from: without_a_recovery_key,
        prepare: Computer::clear_tpm,
        end: nobody_is_asked,
    };
}

/// As systemd-cryptenroll and clevis-luks-bind write them, with the number of the key slot as `SLOT`.
const FIDO2: &str = r#"{"type":"systemd-fido2","keyslots":["SLOT"],"fido2-credential":"AAAA","fido2-salt":"AAAA",
    "fido2-rp":"io.systemd.cryptsetup","fido2-clientPin-required":true,"fido2-up-required":true,"fido2-uv-required":false}"#;
const CLEVIS: &str =
    r#"{"type":"clevis","keyslots":["SLOT"],"jwe":{"protected":"AAAA","ciphertext":"AAAA"}}"#;

/// Adds a key slot with this token, and removes those of the TPM and of the recovery key.
fn only_a_token(token: &str) -> String {
    let token = token.replace('\n', "");
    format!(
        "cryptsetup luksAddKey --key-slot 7 --key-file /run/key /dev/vda6 /run/other && \
         printf '%s' '{}' | cryptsetup token import --json-file - /dev/vda6 && \
         systemd-cryptenroll --wipe-slot=tpm2,recovery /dev/vda6",
        token.replace("SLOT", "7")
    )
}

fn overwrite(computer: &mut Computer, at: u64, bytes: &[u8]) {
    let disk = computer.disk();
    disk.write(disk.partition("persist").start + at, bytes);
}

/// The first sector of FAT32, as mkfs.fat writes it.
fn fat32() -> [u8; SECTOR] {
    let mut sector = [0; SECTOR];
    sector[..11].copy_from_slice(b"\xeb\x58\x90mkfs.fat");
    sector[82..90].copy_from_slice(b"FAT32   ");
    sector[510..].copy_from_slice(&[0x55, 0xaa]);
    sector
}

/// Has the owner change it in the running system, with the recovery key in `/run/key` and a passphrase in `/run/other`.
fn has_it_changed(computer: &mut Computer, command: &str) {
    let key = computer.recovery_key();
    let mut guest = computer.boot();
    guest.must(&format!("printf {key} >/run/key; printf '{PASSPHRASE}' >/run/other"));
    guest.must(command);
    guest.power_off();
}

fn asks_for_a_passphrase(mut computer: Computer) -> String {
    let mut guest = computer.start();
    guest.expect("it has no TPM token. Passphrase for /dev/vda6:");
    guest.send(PASSPHRASE);
    guest.wait_for_shell();
    assert_eq!(guest.must("cat /home/kept"), "kept");
    guest.power_off();
    "asks for it, and opens its volume".to_owned()
}

/// Overwrites two sectors of the second allocation group, where its free space and its inodes are listed, and cuts the power.
/// A sector is a block here, as the volume has sectors of 4096 bytes. How many blocks a group has is in the superblock (XFS
/// Algorithms & Data Structures, "Superblocks" and "AG Free Space Management").
fn damage(computer: &mut Computer, before: &str) {
    let mut guest = computer.boot();
    guest.must(before);
    let blocks =
        guest.must("dd if=/dev/mapper/persist bs=4 skip=21 count=1 status=none | od -An -tu4 --endian=big");
    let sector = blocks.trim().parse::<u64>().expect("a number") + 1;
    guest.must(&format!(
        "dd if=/dev/zero of=/dev/mapper/persist bs=4096 seek={sector} count=2 oflag=direct conv=notrunc status=none"
    ));
}

/// Leaves so many bytes of the first block, and cuts the power: the file system is not written again.
fn damage_first_block(computer: &mut Computer, kept: u64) {
    let mut guest = computer.boot();
    guest.must("sync; echo u >/proc/sysrq-trigger; sleep 5");
    guest.must(&format!(
        "{{ head -c {kept} /dev/mapper/persist; head -c {} /dev/zero; }} >/run/block",
        4096 - kept
    ));
    guest.must("dd if=/run/block of=/dev/mapper/persist bs=4096 oflag=direct conv=notrunc status=none");
}

fn asks_to_repair(computer: Computer) -> String {
    repairs(computer, "its xfs file system is damaged. xfs_repair may")
}

fn repairs(mut computer: Computer, question: &str) -> String {
    let mut guest = computer.start();
    guest.expect(question);
    guest.send("repair");
    guest.wait_for_shell();
    assert_eq!(guest.must("cat /home/kept"), "kept");
    guest.power_off();
    "asks, repairs it, and opens its volume".to_owned()
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

fn nobody_is_asked(computer: Computer) -> String {
    stops(computer, "it has no recovery key and no passphrase, so nobody is asked")
}

fn stops(mut computer: Computer, words: &str) -> String {
    let mut guest = computer.start();
    guest.expect("You are in emergency mode");
    assert!(guest.console().contains(words), "{words:?} is not on the console");
    format!("stops: *{words}*")
}

//! A factory reset, asked for in the running system: nothing happens until its owner says so, then all that was kept is gone,
//! key and recovery key are new, and what the machine boots from is as it was.

use pattern_vm_tests::{Computer, Guest};

#[test]
fn reset() {
    let mut computer = Computer::installed("reset");
    let before = computer.disk();
    let (volume, usr) = (before.partition("persist"), before.partition("usr-0.0.1"));
    let (keys, slot) = (before.read(volume.start, 16 << 20), before.read(usr.start, 64 << 20));
    let old_key = computer.recovery_key();

    let mut guest = computer.boot();
    let entries = guest.must("ls /boot/EFI/Linux");
    let old = uuid(&mut guest);
    asks_first(&mut guest);
    let said = guest.must("pattern reset --yes");
    assert!(said.contains(&old) && said.contains("all of /etc, /home, /srv and /var"), "{said}");
    assert_eq!(guest.must("pattern reset --status --json"), r#"{"asks":false,"requested":true}"#);
    assert_eq!(guest.must("cat /home/kept"), "kept");

    guest.send("systemctl reboot");
    guest.expect("erased the keys of /dev/vda6");
    guest.expect("Recovery key of /dev/vda6");
    guest.wait_for_shell();
    for name in ["etc", "home", "srv", "var"] {
        guest.must_fail(&format!("ls /{name}/kept"));
    }
    assert_ne!(uuid(&mut guest), old);
    assert_eq!(guest.must_fail("pattern reset --status"), "No factory reset is requested.");
    assert_eq!(guest.must("ls /boot/EFI/Linux"), entries);
    assert_eq!(guest.must("systemctl --failed --no-legend"), "");
    let said = guest.must_fail(&format!(
        "printf {old_key} | cryptsetup open --test-passphrase --key-file - /dev/disk/by-partlabel/persist"
    ));
    assert!(said.contains("No key available"), "{said}");
    guest.power_off();

    let disk = computer.disk();
    assert_eq!(disk.labels(), ["esp", "verity-0.0.1", "usr-0.0.1", "_empty", "_empty", "persist"]);
    assert_eq!(disk.partition("persist"), volume);
    assert!(disk.read(usr.start, 64 << 20) == slot, "/usr was written");
    nothing_is_left(&keys, &disk.read(volume.start, 16 << 20));

    let mut guest = computer.boot_initrd();
    let log = guest.must("dmesg");
    assert!(log.contains("no request for a factory reset; nothing to do"), "{log}");
    assert!(log.contains("opened it by the TPM"), "{log}");
}

fn asks_first(guest: &mut Guest) {
    let said = guest.must_fail("pattern reset");
    assert!(said.contains("standard input is not a terminal, so nobody can confirm the reset"), "{said}");
    guest.send("pattern reset");
    guest.expect("Type erase to go on:");
    guest.send("yes");
    guest.expect("not confirmed; nothing was changed");
    guest.send("pattern reset");
    guest.expect("Type erase to go on:");
    guest.send("erase");
    guest.expect("It happens at the next boot.");
    let said = guest.must("pattern reset --status");
    assert!(said.starts_with("The next boot erases the persist volume."), "{said}");
    assert_eq!(guest.must("pattern reset --cancel"), "The next boot keeps everything.");
    assert_eq!(guest.must_fail("pattern reset --status"), "No factory reset is requested.");
}

fn uuid(guest: &mut Guest) -> String {
    guest.must("cryptsetup luksUUID /dev/disk/by-partlabel/persist")
}

/// No block of the key slots is what it was.
fn nothing_is_left(before: &[u8], after: &[u8]) {
    let blocks = before.chunks(4096).zip(after.chunks(4096));
    let same = blocks.filter(|(one, other)| one == other && one.iter().any(|byte| *byte != 0)).count();
    assert_eq!(same, 0, "blocks of the old header are still there");
}

//! The first boot brings the disk to its shape, seals a volume to the TPM, verifies `/usr`, and binds the four
//! directories over the ephemeral root.

use std::thread;
use std::time::Duration;

use pattern_vm_tests::{Computer, Guest};

#[test]
fn first_boot() {
    let mut computer = Computer::new("first_boot");
    assert_eq!(computer.disk().labels(), ["esp", "verity-0.0.1", "usr-0.0.1"]);
    let mut guest = computer.start();
    the_key_waits_for_a_person(&mut guest);
    guest.wait_for_shell();
    directories_are_bound(&mut guest);
    usr_is_verified(&mut guest);
    volume_is_sealed(&mut guest);
    assert_eq!(guest.must("systemctl --failed --no-legend"), "");
    guest.power_off();

    let disk = computer.disk();
    assert_eq!(disk.labels(), ["esp", "verity-0.0.1", "usr-0.0.1", "_empty", "_empty", "persist"]);
    assert_eq!(disk.partition("usr-0.0.1").length, 2 << 30);
}

fn the_key_waits_for_a_person(guest: &mut Guest) {
    guest.expect("It is shown this once. ");
    thread::sleep(Duration::from_secs(10));
    assert!(!guest.console().contains("; made one with "), "the boot went on");
    guest.send("");
    let (missed, _) = guest.expect_any(&["; made one with ", "nobody pressed Enter"]);
    assert_eq!(missed, 0, "Enter was not noticed");
}

fn directories_are_bound(guest: &mut Guest) {
    assert_eq!(guest.must("findmnt -no FSTYPE /"), "tmpfs");
    let kind = std::env::var("PATTERN_FILESYSTEM").unwrap_or("xfs".to_owned());
    // btrfs is shown with whichever name of its device was scanned last: the number says which it is.
    let volume = guest.must("stat -Lc %t:%T /dev/mapper/persist");
    assert_eq!(guest.must("findmnt -no FSTYPE /persist"), kind);
    for name in ["etc", "home", "srv", "var"] {
        assert_eq!(guest.must(&format!("stat -Lc %t:%T $(findmnt -nvo SOURCE /{name})")), volume);
        assert_eq!(guest.must(&format!("findmnt -no FSROOT /{name}")), format!("/root/{name}"));
        guest.must(&format!("echo it is written >/{name}/file && sync /{name}/file"));
    }
    // First contents come from the image, with their owners and modes.
    assert_eq!(guest.must("stat -c '%a %U %G' /etc/shadow"), "640 root shadow");
}

fn usr_is_verified(guest: &mut Guest) {
    assert_eq!(guest.must("findmnt -no SOURCE,FSTYPE /usr"), "/dev/mapper/usr erofs");
    let error = guest.must_fail("touch /usr/file");
    assert!(error.contains("Read-only file system"), "{error}");
    let hash = guest.must("sed 's/.*usrhash=\\([0-9a-f]*\\).*/\\1/' /proc/cmdline");
    let table = guest.must("dmsetup table usr");
    assert!(table.contains(" verity ") && table.contains(&hash), "{table}");
}

fn volume_is_sealed(guest: &mut Guest) {
    let slots = guest.must("systemd-cryptenroll /dev/disk/by-partlabel/persist");
    assert!(slots.contains("tpm2") && slots.contains("recovery"), "{slots}");
}

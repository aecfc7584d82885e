//! The recovery key: it is escrowed when it is made, confirmed by entering it, and replaced by root with it or without it; the
//! real `age` reads what is in escrow. A key slot that another tool made is shown, and removed by the recovery key.

use pattern::volume::recovery::slots;
use pattern_vm_tests::{AgeKey, Computer, Guest, recovery_key_in};

const CONFIG: &str = "/usr/lib/pattern/pattern.toml";
const BANNER: &str = "/run/issue.d/51-pattern-recovery.issue";

#[test]
#[ignore = "long; `make check-all` runs it"]
fn recovery() {
    let mut computer = Computer::installed("recovery");
    let first = computer.recovery_key();
    let mut guest = computer.boot();
    is_confirmed(&mut guest, &first);
    another_slot_is_removed(&mut guest, &first);
    let second = is_replaced(&mut guest, &first, &AgeKey::make(computer.folder()));
    // It is lost: the next boot makes another one.
    guest.send("pattern recovery new");
    guest.expect("(empty if it is lost):");
    guest.send("");
    guest.expect("The next boot makes a new recovery key");
    assert!(guest.must_fail("pattern recovery").contains("The next boot makes a new one"));
    opens(&mut guest, "cryptsetup", &second, true);
    guest.power_off();

    let mut guest = computer.start_initrd();
    guest.expect("Recovery key of /dev/vda6, for when");
    guest.wait_for_initrd_shell();
    let third = recovery_key_in(guest.console());
    assert_ne!(third, second);
    let cryptsetup = format!("{} /usr/sbin/cryptsetup", guest.system_root());
    opens(&mut guest, &cryptsetup, &third, true);
    opens(&mut guest, &cryptsetup, &second, false);
    guest.must_fail("ls /sysroot/persist/new-recovery-key");
    assert!(guest.must("dmesg").contains("opened it by the TPM"), "{}", guest.console());
}

/// The banner is there until the right key was entered.
fn is_confirmed(guest: &mut Guest, key: &str) {
    assert!(guest.must(&format!("cat {BANNER}")).contains("pattern recovery confirm"));
    let said = guest.must_fail("pattern recovery");
    assert_eq!(said, "Recovery key of /dev/vda6, keyslot 1: not confirmed; not in escrow.");
    guest.send("pattern recovery confirm");
    guest.expect("as you kept it:");
    let other = if key.starts_with('c') { "b" } else { "c" };
    guest.send(&format!("{other}{}", &key[1..]));
    guest.expect("no key slot has this key; tries left: 2");
    guest.send(key);
    guest.expect("keyslot 1 of /dev/vda6: confirmed.");
    assert!(guest.must("pattern recovery --json").contains(r#""confirmed":true"#));
    guest.must_fail(&format!("cat {BANNER}"));
    assert!(guest.must("systemd-cryptenroll /dev/vda6").contains("recovery"));
}

fn another_slot_is_removed(guest: &mut Guest, key: &str) {
    guest.must(&format!("printf {key} >/run/key; printf planted >/run/other"));
    guest.must(
        "cryptsetup luksAddKey --pbkdf pbkdf2 --pbkdf-force-iterations 1000 --key-file /run/key /dev/vda6 /run/other",
    );
    opens(guest, "cryptsetup", "planted", true);
    let said = guest.must("pattern recovery");
    let advice = "keyslot 2: a passphrase or a key file. To remove it, run: pattern recovery wipe-slot 2";
    assert!(said.ends_with(advice), "{said}");
    let said = guest.must_fail("pattern recovery wipe-slot 0");
    assert!(said.contains("keyslot 0 is not one that"), "{said}");
    guest.send("pattern recovery wipe-slot 2");
    guest.expect("which stays:");
    guest.send("planted");
    guest.expect("enter one that stays; tries left: 2");
    guest.send(key);
    guest.expect("Keyslot 2 of /dev/vda6 was removed.");
    opens(guest, "cryptsetup", "planted", false);
    assert!(guest.must("pattern recovery --json").contains(r#""others":[]"#));
}

/// A new key opens, the old one does not any more, and its encrypted copy is on the EFI system partition.
fn is_replaced(guest: &mut Guest, old: &str, owner: &AgeKey) -> String {
    let escrow = format!("escrow = [\"{}\"]", owner.public());
    guest.must(&format!("sed '/^recovery_key/a {escrow}' {CONFIG} >/run/pattern.toml"));
    guest.must(&format!("mount --bind /run/pattern.toml {CONFIG}"));
    let said = guest.must_fail("setsid --wait pattern recovery new");
    assert!(
        said.contains("shown on a terminal, and this command was started without one: opening /dev/tty"),
        "{said}"
    );
    guest.send("pattern recovery new");
    guest.expect("(empty if it is lost):");
    guest.send(old);
    let new = recovery_key_in(&guest.expect("that no longer open it: 1."));
    opens(guest, "cryptsetup", &new, true);
    opens(guest, "cryptsetup", old, false);
    let said = guest.must_fail("pattern recovery");
    assert!(said.ends_with(&format!("not confirmed; in escrow for {}.", owner.public())), "{said}");
    assert!(guest.must(&format!("cat {BANNER}")).contains("pattern recovery confirm"));
    let uuid = guest.must("cryptsetup luksUUID /dev/vda6");
    let file = guest.must(&format!("cat /efi/EFI/pattern/{uuid}.age || cat /boot/EFI/pattern/{uuid}.age"));
    let begin = file.find("-----BEGIN").expect("an armored file");
    assert_eq!(owner.decrypt(&file[begin..]), format!("{new}\n"));
    new
}

fn opens(guest: &mut Guest, cryptsetup: &str, key: &str, expected: bool) {
    let command = format!("printf {key} | {cryptsetup} open --test-passphrase --key-file - /dev/vda6");
    if expected { drop(guest.must(&command)) } else { drop(guest.must_fail(&command)) }
}

#[test]
fn recovery_in_escrow() {
    let mut computer = Computer::new("recovery_in_escrow");
    let owner = AgeKey::make(computer.folder());
    let demo = include_str!("../../../demo/pattern.toml");
    let escrow = format!("recovery_key = true\nescrow = [\"{}\"]", owner.public());
    let toml = demo.replace("recovery_key = true", &escrow);
    assert_ne!(toml, demo);
    computer.configure(&toml);
    let mut guest = computer.boot_initrd();
    let shown = recovery_key_in(guest.console());
    let chroot = guest.system_root();
    let json = guest.must(&format!("{chroot} /usr/sbin/cryptsetup luksDump --dump-json-metadata /dev/vda6"));
    let found = slots(&serde_json::from_str(&json).expect("the header's metadata"));
    let file = &found[0].escrow.as_ref().expect("a key in escrow").file;
    assert_eq!(owner.decrypt(file), format!("{shown}\n"));
    guest.power_off();
    // In clear it is nowhere in what is not encrypted of the volume.
    let header = computer.disk().read(computer.disk().partition("persist").start, 16 << 20);
    let at = header.windows(shown.len()).position(|bytes| bytes == shown.as_bytes());
    assert_eq!(at, None, "the key lies on the disk");
}

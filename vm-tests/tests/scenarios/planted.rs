//! A volume that somebody else put in the place of the machine's own is not used: not when the TPM opens it, and not when
//! somebody knows its key.

use pattern_vm_tests::{Computer, Guest};

/// repart.d(5): the other partitions stay as they are.
const SEALED: &str = "\
[Partition]
Type=linux-generic
Label=persist
Encrypt=tpm2
Format=xfs
";

const REFUSAL: &str = "this is not the volume that this machine made; nothing of it was used";

/// The shell before the volume is opened stands for an attacker who has the disk, and this TPM, for a while.
fn with_the_machine_in_hand(name: &str) -> (Guest, &'static str) {
    let mut computer = Computer::installed(name);
    computer.words("pattern.break=persist");
    let mut guest = computer.start();
    guest.wait_for_initrd_shell();
    let chroot = guest.system_root();
    (guest, chroot)
}

/// Leaves the shell, with the programs' messages on the console again.
fn goes_on(guest: &mut Guest) {
    let _ = guest.must("dmesg -n 7");
    guest.send("exit");
}

#[test]
fn planted_sealed() {
    let (mut guest, chroot) = with_the_machine_in_hand("planted_sealed");
    let _ = guest
        .must(&format!("{chroot} /usr/sbin/sfdisk --quiet --delete --no-reread --no-tell-kernel /dev/vda 6"));
    let _ = guest.must(&format!("{chroot} /usr/bin/partx --delete --nr 6 /dev/vda"));
    let lines = SEALED.trim_end().replace('\n', "\\n");
    let _ =
        guest.must(&format!("mkdir /run/definitions && printf '{lines}\\n' >/run/definitions/persist.conf"));
    let repart = "/usr/bin/systemd-repart --definitions=/run/definitions --tpm2-pcrs= --dry-run=no /dev/vda";
    let _ = guest.must(&format!("{chroot} {repart} >/dev/null"));
    goes_on(&mut guest);
    let said = guest.expect(REFUSAL);
    assert!(!said.contains("Recovery key for"), "{said}");
}

#[test]
fn planted_with_a_known_key() {
    let (mut guest, chroot) = with_the_machine_in_hand("planted_with_a_known_key");
    let cryptsetup = format!("{chroot} /usr/sbin/cryptsetup");
    let uuid = guest.must(&format!("{cryptsetup} luksUUID /dev/vda6"));
    let _ = guest.must(&format!(
        "printf known | {cryptsetup} luksFormat --batch-mode --pbkdf pbkdf2 --uuid {uuid} --key-file - /dev/vda6"
    ));
    let token = r#"{"type":"systemd-recovery","keyslots":["0"]}"#;
    let _ = guest.must(&format!("printf '{token}' | {cryptsetup} token import /dev/vda6"));
    goes_on(&mut guest);
    let _ = guest.expect("Recovery key for /dev/vda6:");
    guest.send("known");
    let _ = guest.expect(REFUSAL);
}

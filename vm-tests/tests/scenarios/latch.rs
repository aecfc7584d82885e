//! After the initrd the TPM gives the volume's key to nobody: not to root in the running system, not in a boot that left
//! the volume closed, not to an emergency shell. systemd's log of what was measured accounts for it.

use pattern::hex;
use pattern_vm_tests::{Computer, Guest};
use serde_json::Value;
use sha2::{Digest, Sha256};

/// What systemd itself does with a volume of ours.
const ATTACH: &str = "/usr/bin/systemd-cryptsetup attach again /dev/vda6 - tpm2-device=auto,headless=yes";

#[test]
fn latch() {
    let mut computer = Computer::installed("latch");
    let mut guest = computer.boot();
    let said = guest.must_fail(ATTACH);
    assert!(said.contains("TPM"), "{said}");
    let log = log(&mut guest);
    assert_eq!(texts(&log, 11), ["enter-initrd", "leave-initrd", "sysinit", "ready"]);
    let volume = guest.must("cryptsetup luksUUID /dev/disk/by-partlabel/persist");
    assert_eq!(texts(&log, 15).first(), Some(&format!("cryptsetup:persist:{volume}")));
    assert_eq!(replayed(&log, 15), register(&mut guest, 15));
}

#[test]
fn latch_of_a_closed_volume() {
    let mut computer = Computer::installed("latch_of_a_closed_volume");
    computer.words("pattern.volatile");
    let mut guest = computer.boot_initrd();
    let chroot = guest.system_root();
    let said = guest.must_fail(&format!("{chroot} {ATTACH}"));
    assert!(said.contains("TPM"), "{said}");
    let log = log(&mut guest);
    assert_eq!(texts(&log, 15), ["pattern:no-volume"]);
    assert_eq!(replayed(&log, 15), register(&mut guest, 15));
}

#[test]
fn latch_of_an_emergency() {
    let mut computer = Computer::installed("latch_of_an_emergency");
    computer.words("rd.systemd.unit=emergency.target");
    let mut guest = computer.start();
    guest.expect("emergency mode");
    guest.greet();
    assert_ne!(register(&mut guest, 15), "0".repeat(64));
}

/// The records of systemd's log (RFC 7464).
fn log(guest: &mut Guest) -> Vec<Value> {
    let text = guest.must("cat /run/log/systemd/tpm2-measure.log");
    text.lines().filter_map(|line| serde_json::from_str(line.trim_start_matches('\u{1e}')).ok()).collect()
}

fn of(log: &[Value], pcr: u8) -> impl Iterator<Item = &Value> {
    log.iter().filter(move |record| record["pcr"] == pcr)
}

fn texts(log: &[Value], pcr: u8) -> Vec<String> {
    of(log, pcr).filter_map(|record| record["content"]["string"].as_str()).map(str::to_owned).collect()
}

/// The value that the records lead to, from an untouched register.
fn replayed(log: &[Value], pcr: u8) -> String {
    let digests = of(log, pcr).map(|record| {
        let digests = record["digests"].as_array().expect("digests");
        let ours = digests.iter().find(|digest| digest["hashAlg"] == "sha256").expect("a sha256 digest");
        hex::decode(ours["digest"].as_str().expect("text")).expect("hexadecimal digits")
    });
    let value = digests.fold(vec![0; 32], |value, digest| Sha256::digest([value, digest].concat()).to_vec());
    hex::encode(&value)
}

fn register(guest: &mut Guest, pcr: u8) -> String {
    guest.must(&format!("cat /sys/class/tpm/tpm0/pcr-sha256/{pcr}")).to_lowercase()
}

use std::fs;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use pattern::token::{Bank, Binding, Pcrs, PublicKey};
use pattern::volume::{Decision, decide};

use super::*;
use crate::tpm::swtpm::Swtpm;
use crate::tpm::{NewPin, Presented, Tpm};

const SECRET: [u8; 32] = [0xa5; 32];
const BYTES: u64 = 32 << 20;

/// A software TPM, and beside its state a plain file as the partition.
fn machine(name: &str) -> (Swtpm, PathBuf) {
    let swtpm = Swtpm::start(name);
    swtpm.extend(7);
    let device = swtpm.folder().join("partition");
    File::create(&device).unwrap().set_len(BYTES).unwrap();
    (swtpm, device)
}

fn seal(swtpm: &Swtpm) -> Tpm2Token {
    let binding = Binding::new(Bank::Sha256, None, Pcrs::new([7]).ok());
    swtpm.connect().seal(&SECRET, &binding, None, 0).unwrap()
}

/// Debian's cryptsetup, with a key on its standard input.
fn cryptsetup(words: &str, device: &Path, key: &str) -> (bool, String) {
    let mut child = Command::new("cryptsetup")
        .args(words.split(' '))
        .arg(device)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(key.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    (output.status.success(), String::from_utf8(output.stdout).unwrap())
}

#[test]
fn our_volume_is_opened_by_its_tpm_its_recovery_key_and_by_cryptsetup() {
    let (swtpm, device) = machine("luks");
    let key = RecoveryKey::from_bytes(&[7; 32]);
    let mut volume = Volume::format(&device, BYTES).unwrap();
    volume.add_sealed(&seal(&swtpm), &SECRET).unwrap();
    volume.add_recovery(1, &key).unwrap();
    drop(volume);

    let Decision::Open(locks) = decide(Some(&look(&device).unwrap())).unwrap() else { panic!("not ours") };
    assert!(locks.recovery && locks.unusable.is_empty());
    let secret = Tpm::unseal(&swtpm.tcti(), &locks.tokens[0], Presented::default()).unwrap();
    let mut volume = Volume::load(&device).unwrap();
    let by_tpm = volume.unlock_sealed(&locks.tokens[0], &secret).unwrap();
    let by_person = volume.unlock_entered(&key.as_str().to_uppercase().replace('-', "")).unwrap();
    assert_eq!(by_tpm.as_bytes(), by_person.as_bytes());
    let wrong = volume.unlock_sealed(&locks.tokens[0], &[0; 32]).err().unwrap();
    assert_eq!(format!("{wrong:#}"), "opening the volume: no key slot has this key");
    assert!(volume.unlock_entered("wrong").is_err());

    let test = "open --test-passphrase --key-file=- --key-slot";
    assert!(cryptsetup(&format!("{test} 0"), &device, &STANDARD.encode(SECRET)).0);
    assert!(cryptsetup(&format!("{test} 1"), &device, key.as_str()).0);
    assert!(!cryptsetup(&format!("{test} 1"), &device, &STANDARD.encode(SECRET)).0);
}

#[test]
fn the_header_is_the_one_of_systemd_repart() {
    let (swtpm, device) = machine("header");
    let mut volume = Volume::format(&device, BYTES).unwrap();
    volume.add_sealed(&seal(&swtpm), &SECRET).unwrap();
    drop(volume);
    let (read, dump) = cryptsetup("luksDump", &device, "");
    assert!(read);
    for line in [
        "Metadata area: \t16384 [bytes]",
        "Label:         \tpersist",
        "Subsystem:     \t(no subsystem)",
        "\toffset: 16777216 [bytes]",
        "\tcipher: aes-xts-plain64",
        "\tsector: 4096 [bytes]",
        "\tKey:        512 bits",
        "\tPBKDF:      pbkdf2",
        "\tHash:       sha512",
        "\tIterations: 1000",
        "  0: systemd-tpm2",
    ] {
        assert!(dump.lines().any(|found| found == line), "{line:?} is not in\n{dump}");
    }
}

/// Debian 12's systemd reads all fields but `tpm2_srk` and `tpm2_salt`.
#[test]
fn cryptsetup_and_systemd_show_a_signed_policy_and_a_pin() {
    let (swtpm, device) = machine("dump");
    swtpm.extend(11);
    swtpm.tool("openssl genpkey -quiet -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out key");
    swtpm.tool("openssl pkey -in key -pubout -out key.pub");
    let key = PublicKey::parse(&fs::read_to_string(swtpm.folder().join("key.pub")).unwrap()).unwrap();
    let binding = Binding::new(Bank::Sha256, Some(key), Pcrs::new([7]).ok());
    let pin = NewPin { text: "1234", salt: [3; 32] };
    let token = swtpm.connect().seal(&SECRET, &binding, Some(&pin), 0).unwrap();
    let mut volume = Volume::format(&device, BYTES).unwrap();
    volume.add_sealed(&token, &SECRET).unwrap();
    drop(volume);
    let (read, dump) = cryptsetup("luksDump", &device, "");
    assert!(read);
    for line in ["tpm2-hash-pcrs: 7", "tpm2-pubkey-pcrs: 11", "tpm2-pin: true"] {
        assert!(dump.lines().any(|found| words(found) == line), "{line:?} is not in\n{dump}");
    }
}

#[test]
fn systemd_lists_and_changes_our_tokens() {
    let (swtpm, device) = machine("enroll");
    let mut volume = Volume::format(&device, BYTES).unwrap();
    volume.add_sealed(&seal(&swtpm), &SECRET).unwrap();
    volume.add_recovery(1, &RecoveryKey::from_bytes(&[7; 32])).unwrap();
    drop(volume);
    let list = Command::new("systemd-cryptenroll").arg(&device).output().unwrap();
    let slots: Vec<String> = String::from_utf8(list.stdout).unwrap().lines().skip(1).map(words).collect();
    assert_eq!(slots, ["0 tpm2", "1 recovery"]);
    let wiped = Command::new("systemd-cryptenroll").arg("--wipe-slot=tpm2").arg(&device).output().unwrap();
    assert!(wiped.status.success());
    let Decision::Open(locks) = decide(Some(&look(&device).unwrap())).unwrap() else { panic!("not ours") };
    assert!(locks.tokens.is_empty() && locks.recovery);
}

fn words(line: &str) -> String {
    line.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn looking_names_what_is_there_and_changes_nothing() {
    let (_swtpm, device) = machine("look");
    assert_eq!(look(&device).unwrap(), Seen::Blank);
    let mut damaged = vec![0; HEAD_BYTES];
    damaged[..8].copy_from_slice(b"LUKS\xba\xbe\0\x02");
    fs::write(&device, &damaged).unwrap();
    let Seen::Damaged(cause) = look(&device).unwrap() else { panic!("it was read") };
    assert!(cause.contains("reading the LUKS2 header: "), "{cause}");
    assert_eq!(fs::read(&device).unwrap(), damaged);
    let missing = look(Path::new("/nonexistent/disk")).unwrap_err();
    assert!(format!("{missing:#}").starts_with("reading /nonexistent/disk: "), "{missing:#}");
}

#[test]
fn sectors_are_as_large_as_the_device_allows() {
    assert_eq!(sector_size(BYTES), 4096);
    assert_eq!(sector_size(BYTES + 512), 512);
}

#[test]
fn a_new_sealed_key_replaces_the_old_ones_and_no_other() {
    let (swtpm, device) = machine("luks-replace");
    let key = RecoveryKey::from_bytes(&[7; 32]);
    let mut volume = Volume::format(&device, BYTES).unwrap();
    volume.add_sealed(&seal(&swtpm), &SECRET).unwrap();
    volume.add_recovery(1, &key).unwrap();
    drop(volume);
    let mut volume = Volume::load(&device).unwrap();
    let before = volume.unlock_entered(key.as_str()).unwrap();
    let other = [9; 32];
    assert_eq!(volume.replace_sealed(&before, seal(&swtpm), &other).unwrap(), (2, 1));
    drop(volume);
    let mut volume = Volume::load(&device).unwrap();
    let Decision::Open(locks) = decide(Some(&look(&device).unwrap())).unwrap() else { panic!("not ours") };
    assert!(locks.recovery && locks.tokens.len() == 1 && locks.tokens[0].keyslot == 2);
    let after = volume.unlock_sealed(&locks.tokens[0], &other).unwrap();
    assert_eq!(after.as_bytes(), before.as_bytes());
    assert!(volume.unlock_entered(&passphrase(&SECRET)).is_err(), "the old slot is still there");
}

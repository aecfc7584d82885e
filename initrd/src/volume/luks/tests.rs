use std::fs;
use std::io::Write;
use std::os::fd::AsRawFd;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use pattern::token::ahead::Ahead;
use pattern::token::{Bank, Binding, Pcrs, PublicKey};
use pattern::volume::{HEAD_BYTES, Seen, header_bytes, openable};
use pattern_machine::random;

use super::draft::DATA_OFFSET;
use super::*;
use crate::tpm::swtpm::Swtpm;
use crate::tpm::{NewPin, Presented, Tpm};

pub(crate) mod cuts;
mod overwritten;

const SECRET: [u8; 32] = [0xa5; 32];
pub(super) const BYTES: u64 = 32 << 20;

/// Returns a software TPM, and a plain file beside its state as the partition.
pub(crate) fn machine(name: &str) -> (Swtpm, PathBuf) {
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

pub(super) fn header(seen: Seen) -> Header {
    let Seen::Luks2(header) = seen else { panic!("{seen:?}") };
    header
}

/// Makes a volume with a recovery key, on a file as its device.
fn recoverable(device: &Path) -> RecoveryKey {
    let key = RecoveryKey::from_bytes(&[7; 32]);
    let mut draft = Draft::new(device, BYTES, random::uuid().unwrap()).unwrap();
    draft.add_recovery(&key, None).unwrap();
    draft.write(device).unwrap();
    key
}

fn overwrite(device: &Path, offset: u64, bytes: &[u8]) {
    File::options().write(true).open(device).unwrap().write_all_at(bytes, offset).unwrap();
}

/// Debian's cryptsetup, with a key on its standard input.
pub(super) fn cryptsetup(words: &str, device: &Path, key: &str) -> (bool, String) {
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
    let mut draft = Draft::new(&device, BYTES, random::uuid().unwrap()).unwrap();
    draft.add_sealed(&seal(&swtpm), &SECRET).unwrap();
    assert_eq!(draft.add_recovery(&key, None).unwrap(), 1);
    draft.write(&device).unwrap();

    let (vetted, locks) = openable(look(&device).unwrap()).unwrap();
    assert!(locks.recovery && locks.unusable.is_empty());
    let secret = Tpm::unseal(&swtpm.tcti(), &locks.tokens[0], Presented::default()).unwrap();
    let mut volume = Volume::vetted(&device, &vetted).unwrap();
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
    let mut draft = Draft::new(&device, BYTES, random::uuid().unwrap()).unwrap();
    draft.add_sealed(&seal(&swtpm), &SECRET).unwrap();
    draft.write(&device).unwrap();
    Volume::load(&device).unwrap().mark_finished().unwrap();
    let (read, dump) = cryptsetup("luksDump", &device, "");
    assert!(read);
    for line in [
        "Metadata area: \t16384 [bytes]",
        "Keyslots area: \t4161536 [bytes]",
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

/// Debian 12's systemd reads all fields except `tpm2_srk` and `tpm2_salt`.
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
    let mut draft = Draft::new(&device, BYTES, random::uuid().unwrap()).unwrap();
    draft.add_sealed(&token, &SECRET).unwrap();
    draft.write(&device).unwrap();
    let (read, dump) = cryptsetup("luksDump", &device, "");
    assert!(read);
    for line in ["tpm2-hash-pcrs: 7", "tpm2-pubkey-pcrs: 11", "tpm2-pin: true"] {
        assert!(dump.lines().any(|found| words(found) == line), "{line:?} is not in\n{dump}");
    }
}

#[test]
fn systemd_lists_and_changes_our_tokens() {
    let (swtpm, device) = machine("enroll");
    let mut draft = Draft::new(&device, BYTES, random::uuid().unwrap()).unwrap();
    draft.add_sealed(&seal(&swtpm), &SECRET).unwrap();
    draft.add_recovery(&RecoveryKey::from_bytes(&[7; 32]), None).unwrap();
    draft.write(&device).unwrap();
    assert_eq!(enrolled(&device, &[]), ["0 tpm2", "1 recovery"]);
    enrolled(&device, &["--wipe-slot=tpm2"]);
    let (_, locks) = openable(look(&device).unwrap()).unwrap();
    assert!(locks.tokens.is_empty() && locks.recovery);
}

/// Returns what Debian's systemd-cryptenroll lists as key slots.
pub(super) fn enrolled(device: &Path, words: &[&str]) -> Vec<String> {
    let output = Command::new("systemd-cryptenroll").args(words).arg(device).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap().lines().skip(1).map(self::words).collect()
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
    assert!(cause.starts_with("first copy: hdr_size is not"), "{cause}");
    assert_eq!(fs::read(&device).unwrap(), damaged);
    let missing = look(Path::new("/nonexistent/disk")).unwrap_err();
    assert!(format!("{missing:#}").starts_with("reading /nonexistent/disk: "), "{missing:#}");
}

#[test]
fn a_new_sealed_key_replaces_the_old_ones_and_no_other() {
    let (swtpm, device) = machine("luks-replace");
    let key = RecoveryKey::from_bytes(&[7; 32]);
    let mut draft = Draft::new(&device, BYTES, random::uuid().unwrap()).unwrap();
    draft.add_sealed(&seal(&swtpm), &SECRET).unwrap();
    assert_eq!(draft.add_recovery(&key, None).unwrap(), 1);
    draft.write(&device).unwrap();
    let mut volume = Volume::load(&device).unwrap();
    let before = volume.unlock_entered(key.as_str()).unwrap();
    let other = [9; 32];
    assert_eq!(volume.replace_sealed(&before, seal(&swtpm), &other, |_| true, || Ok(())).unwrap(), (2, 1));
    drop(volume);
    let mut volume = Volume::load(&device).unwrap();
    let (_, locks) = openable(look(&device).unwrap()).unwrap();
    assert!(locks.recovery && locks.tokens.len() == 1 && locks.tokens[0].keyslot == 2);
    let after = volume.unlock_sealed(&locks.tokens[0], &other).unwrap();
    assert_eq!(after.as_bytes(), before.as_bytes());
    assert!(volume.unlock_entered(&passphrase(&SECRET)).is_err(), "the old slot is still there");
}

#[test]
fn what_happens_to_the_header_after_it_was_copied_changes_nothing() {
    let (_swtpm, device) = machine("copied");
    let key = recoverable(&device);
    let mut volume = Volume::vetted(&device, &header(look(&device).unwrap())).unwrap();
    // Both copies of the header, and all key slots.
    overwrite(&device, 0, &vec![0xff; DATA_OFFSET as usize]);
    volume.unlock_entered(key.as_str()).unwrap();
    assert_eq!(volume.device.status_handle().get_data_offset(), DATA_OFFSET / 512);
    let data = volume.device.status_handle().get_device_path().unwrap().to_owned();
    assert_eq!(data, device);
    assert!(matches!(look(&device).unwrap(), Seen::Other(_)));
}

#[test]
fn what_happened_to_the_header_before_is_refused() {
    let (_swtpm, device) = machine("before");
    let key = recoverable(&device);
    let vetted = header(look(&device).unwrap());
    overwrite(&device, 32 << 10, &vec![0; 512 << 10]);
    let mut volume = Volume::vetted(&device, &vetted).unwrap();
    let wiped = volume.unlock_entered(key.as_str()).err().unwrap();
    assert_eq!(wiped.to_string(), "opening the volume: no key slot has this key");
    for copy in [0, 16 << 10] {
        overwrite(&device, copy + 4096, b"{\"segments\":{}}");
    }
    let Seen::Damaged(cause) = look(&device).unwrap() else { panic!("it was accepted") };
    assert_eq!(cause, "first copy: wrong checksum; second copy: not found");
    assert!(Volume::vetted(&device.join("missing"), &vetted).is_err());
}

#[test]
fn nobody_can_write_to_the_copy() {
    let (_swtpm, device) = machine("sealed");
    recoverable(&device);
    let header = header(look(&device).unwrap());
    let copy = copy::sealed(&device, &header).unwrap();
    assert!(copy.write_all_at(b"x", 0).is_err() && copy.set_len(0).is_err());
    assert_eq!(copy.metadata().unwrap().len(), header.length());
    let path = format!("/proc/self/fd/{}", copy.as_raw_fd());
    assert!(File::options().write(true).open(path).unwrap().write_all_at(b"x", 0).is_err());
    // Of 16 MiB, only both headers and one key slot take space.
    assert!(copy.metadata().unwrap().blocks() * 512 < 400 << 10);
}

#[test]
fn a_torn_copy_is_written_anew_when_it_is_asked_for() {
    let (_swtpm, device) = machine("torn");
    let key = recoverable(&device);
    for torn in [5000, (16 << 10) + 5000] {
        overwrite(&device, torn, b"!");
        let before = fs::read(&device).unwrap();
        let found = header(look(&device).unwrap());
        assert!(found.torn());
        Volume::vetted(&device, &found).unwrap().unlock_entered(key.as_str()).unwrap();
        assert!(fs::read(&device).unwrap() == before);
        repair(&device).unwrap();
        assert!(!header(look(&device).unwrap()).torn());
    }
}

#[test]
fn what_cryptsetup_has_made_is_opened_from_a_copy() {
    let (_swtpm, device) = machine("foreign");
    let pbkdf2 = "--pbkdf=pbkdf2 --pbkdf-force-iterations=1000";
    let argon2 = "--pbkdf-force-iterations=4 --pbkdf-memory=1024 --pbkdf-parallel=2";
    for options in [
        &format!("{pbkdf2} --sector-size=512"),
        &format!("{pbkdf2} --sector-size=4096 --key-size=256 --hash=sha1"),
        &format!("{pbkdf2} --luks2-metadata-size=128k --luks2-keyslots-size=1m"),
        &format!("{argon2} --pbkdf=argon2i"),
        &format!("{argon2} --pbkdf=argon2id"),
    ] {
        let format = "luksFormat --batch-mode --type=luks2 --key-file=-";
        assert!(cryptsetup(&format!("{format} {options}"), &device, "a passphrase").0, "{options}");
        let mut volume = Volume::vetted(&device, &header(look(&device).unwrap())).unwrap();
        volume.unlock_entered("a passphrase").unwrap();
        assert!(volume.unlock_entered("another").is_err());
    }
}

/// A guess at a person's passphrase costs time and memory. A recovery key can't be guessed, and costs little.
#[test]
fn a_passphrase_is_hardened_and_cryptsetup_takes_it() {
    let (_swtpm, device) = machine("passphrase");
    let mut draft = Draft::new(&device, BYTES, random::uuid().unwrap()).unwrap();
    let slot = draft.add_passphrase("rude blue tree 7").unwrap();
    let recovery = draft.add_recovery(&RecoveryKey::from_bytes(&[7; 32]), None).unwrap();
    draft.write(&device).unwrap();
    let mut volume = Volume::vetted(&device, &header(look(&device).unwrap())).unwrap();
    let metadata = volume.metadata().unwrap();
    let kdf = |slot: u32| metadata.pointer(&format!("/keyslots/{slot}/kdf")).unwrap();
    assert_eq!(kdf(slot)["type"], "argon2id");
    assert!(kdf(slot)["memory"].as_u64().unwrap() >= 64 << 10, "{}", kdf(slot));
    assert_eq!(kdf(recovery)["type"], "pbkdf2");
    volume.unlock_entered("rude blue tree 7").unwrap();
    assert!(volume.unlock_entered("rude blue tree 8").is_err());
    assert!(cryptsetup("open --test-passphrase --key-file=-", &device, "rude blue tree 7").0);
}

#[test]
fn libcryptsetup_reads_the_copy_of_each_header_that_is_accepted() {
    let (_swtpm, device) = machine("fixtures");
    File::create(&device).unwrap().set_len(64 << 20).unwrap();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures/luks2");
    for file in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        if file.extension().is_none_or(|kind| kind != "luks2") {
            continue;
        }
        let mut kept = &fs::read(&file).unwrap()[..];
        let size = header_bytes(kept) / 2;
        for start in [0, size as u64] {
            let json = kept[512..].iter().position(|byte| *byte == 0).unwrap();
            overwrite(&device, start, &vec![0; size]);
            overwrite(&device, start, &kept[..512]);
            overwrite(&device, start + 4096, &kept[512..512 + json]);
            kept = &kept[512 + json + 1..];
        }
        let read = Volume::vetted(&device, &header(look(&device).unwrap()));
        assert!(read.is_ok(), "{}: {:#}", file.display(), read.err().unwrap());
    }
}

/// Anyone who can write the disk can make such a token name the recovery key's slot.
#[test]
fn a_planted_token_for_announced_changes_takes_no_other_key_slot_along() {
    let (swtpm, device) = machine("planted-ahead");
    let key = recoverable(&device);
    let mut tpm = swtpm.connect();
    let approver = tpm.make_approver([4; 32].into()).unwrap();
    let ahead = tpm.seal_ahead(&SECRET, &approver, (Bank::Sha256, None), None).unwrap();
    let mut volume = Volume::load(&device).unwrap();
    let slot = volume.metadata().unwrap()["tokens"]["0"]["keyslots"][0].as_str().unwrap().parse().unwrap();
    volume.add_token(&Ahead { keyslot: slot, ..ahead.clone() }.to_json()).unwrap();
    volume.add_token(&format!(r#"{{"type":"pattern-ahead","keyslots":["{slot}"]}}"#)).unwrap();
    let volume_key = volume.unlock_entered(key.as_str()).unwrap();
    volume.replace_ahead(&volume_key, ahead, &SECRET).unwrap();
    assert!(volume.unlock_entered(key.as_str()).is_ok());
    assert_eq!(volume.remove_ahead().unwrap(), 1);
    assert!(volume.unlock_entered(key.as_str()).is_ok());
    assert_eq!(volume.metadata().unwrap()["keyslots"].as_object().unwrap().len(), 1);
}

#[test]
fn the_device_is_unchanged_until_a_complete_header_is_written() {
    let (_swtpm, device) = machine("draft");
    let before = fs::read(&device).unwrap();
    let mut draft = Draft::new(&device, BYTES, random::uuid().unwrap()).unwrap();
    draft.add_recovery(&RecoveryKey::from_bytes(&[7; 32]), None).unwrap();
    assert!(fs::read(&device).unwrap() == before);
    // What an older volume left behind between the metadata and the data goes.
    overwrite(&device, 0, &vec![0xff; DATA_OFFSET as usize]);
    draft.write(&device).unwrap();
    let head = &fs::read(&device).unwrap()[..DATA_OFFSET as usize];
    assert!(head[4 << 20..].iter().all(|byte| *byte == 0));
    let error = Draft::new(&device, BYTES, random::uuid().unwrap()).unwrap();
    let error = error.write(Path::new("/nonexistent/disk")).unwrap_err();
    assert!(format!("{error:#}").starts_with("writing the LUKS2 header to /nonexistent/disk: No such"));
}

#[test]
fn a_volume_has_room_for_16_key_slots() {
    let (_swtpm, device) = machine("slots");
    let mut draft = Draft::new(&device, BYTES, random::uuid().unwrap()).unwrap();
    for slot in 0..16_u8 {
        assert_eq!(draft.add_recovery(&RecoveryKey::from_bytes(&[slot; 32]), None).unwrap(), u32::from(slot));
    }
    let error = draft.add_recovery(&RecoveryKey::from_bytes(&[16; 32]), None).unwrap_err();
    let message =
        "adding a key slot: the header has no room for another; remove one: pattern recovery wipe-slot N";
    assert_eq!(format!("{error:#}"), message);
}

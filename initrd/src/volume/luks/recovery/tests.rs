use std::fs;

use pattern::age::{self, Identity, Recipient};
use pattern::volume::recovery::Escrow;
use pattern_machine::random;

use super::super::Draft;
use super::*;
use crate::volume::luks::look;
use crate::volume::luks::tests::{BYTES, cryptsetup, enrolled, header, machine};

const PUBLIC: &str = "age17w23j4qn8rwklwqyv0uh750698dnwafk64h428vrg6uke8unvpjs9hcc92";
const SECRET: &str = "AGE-SECRET-KEY-1PRAJC8CMLRHJM5ZTWGWJ384NEGFEJXHY8VGKU70XWJZJAG3N89PSMV7ACL";

fn key(byte: u8) -> RecoveryKey {
    RecoveryKey::from_bytes(&[byte; 32])
}

/// Returns an escrow with the largest number of recipients.
fn escrow(key: &RecoveryKey) -> Escrow {
    let recipients = vec![Recipient::parse(PUBLIC).unwrap(); 8];
    let random = || Ok::<_, age::Error>([7; 32].into());
    let file = age::encrypt(key.as_str().as_bytes(), &recipients, random).unwrap();
    Escrow { recipients: vec![PUBLIC.to_owned(); 8], file }
}

/// A volume with one recovery key, in escrow for the largest number of recipients, and a passphrase
/// in keyslot 1.
fn volume(device: &Path) -> Volume {
    let mut draft = Draft::new(device, BYTES, random::uuid().unwrap()).unwrap();
    draft.add_recovery(&key(7), Some(&escrow(&key(7)))).unwrap();
    draft.write(device).unwrap();
    let mut volume = Volume::load(device).unwrap();
    let opened = volume.unlock_entered(key(7).as_str()).unwrap();
    volume.add_key(None, Some(&opened), "a passphrase").unwrap();
    volume
}

fn found(device: &Path) -> Vec<RecoverySlot> {
    header(look(device).unwrap()).recovery_slots()
}

#[test]
fn a_key_is_confirmed_by_entering_it() {
    let (_swtpm, device) = machine("recovery-confirm");
    let mut volume = volume(&device);
    assert!(!found(&device)[0].confirmed);
    let wrong = volume.confirm("hunter2").unwrap_err();
    assert_eq!(wrong.to_string(), "opening the volume: no key slot has this key");
    let wrong = volume.confirm("a passphrase").unwrap_err();
    assert_eq!(wrong.to_string(), "this opens keyslot 1, which is for no recovery key");
    assert!(!found(&device)[0].confirmed);
    assert_eq!(volume.confirm(&key(7).as_str().to_uppercase()).unwrap(), 0);
    assert!(found(&device)[0].confirmed);
    assert_eq!(found(&device)[0].escrow, Some(escrow(&key(7))));
}

#[test]
fn a_key_slot_goes_by_a_key_that_stays() {
    let (_swtpm, device) = machine("recovery-wipe");
    let mut volume = volume(&device);
    volume.add_token(r#"{"type":"other","keyslots":["1"]}"#).unwrap();
    let others = |device: &Path| header(look(device).unwrap()).other_slots();
    assert_eq!(others(&device)[0].to_string(), "keyslot 1: what its token says (other)");
    let refused = volume.wipe(1, "a passphrase").unwrap_err();
    assert_eq!(refused.to_string(), "this key opens keyslot 1 itself; enter one that stays");
    assert_eq!(
        volume.wipe(1, "hunter2").unwrap_err().to_string(),
        "opening the volume: no key slot has this key"
    );
    assert_eq!(others(&device).len(), 1);
    assert_eq!(volume.wipe(1, key(7).as_str()).unwrap(), 0);
    assert!(others(&device).is_empty());
    assert!(volume.unlock_entered("a passphrase").is_err());
    assert_eq!(found(&device).len(), 1);
    assert_eq!(volume.metadata().unwrap()["tokens"].as_object().unwrap().len(), 1);
}

#[test]
fn a_new_key_comes_before_the_old_one_goes() {
    let (_swtpm, device) = machine("recovery-new");
    let mut volume = volume(&device);
    volume.confirm(key(7).as_str()).unwrap();
    let volume_key = volume.unlock_entered(key(7).as_str()).unwrap();
    drop(volume);

    let mut volume = Volume::load(&device).unwrap();
    let old = volume.recovery_slots().unwrap();
    let keyslot = volume.add_recovery(Some(&volume_key), &key(8), Some(&escrow(&key(8)))).unwrap();
    // A cut here leaves both keys, and both open the volume.
    prove(&device, keyslot, &key(8), &volume_key).unwrap();
    prove(&device, 0, &key(7), &volume_key).unwrap();
    assert!(prove(&device, 0, &key(8), &volume_key).is_err());
    volume.remove_recovery(&old).unwrap();
    drop(volume);

    let mut volume = Volume::load(&device).unwrap();
    assert!(volume.unlock_entered(key(7).as_str()).is_err(), "the old key still opens");
    assert_eq!(
        volume.unlock_entered(key(8).as_str()).unwrap().as_bytes(),
        volume_key.as_bytes(),
        "another volume"
    );
    volume.unlock_entered("a passphrase").unwrap();
    let slots = found(&device);
    assert_eq!((slots.len(), slots[0].keyslot, slots[0].confirmed), (1, keyslot, false));
    let file = slots[0].escrow.as_ref().unwrap().file.as_bytes();
    let content = age::decrypt(file, &Identity::parse_file(SECRET).ok().unwrap()).unwrap();
    assert_eq!(content.as_slice(), key(8).as_str().as_bytes());
}

#[test]
fn a_key_without_room_for_its_token_is_not_added() {
    let (_swtpm, device) = machine("recovery-room");
    let mut volume = volume(&device);
    let volume_key = volume.unlock_entered(key(7).as_str()).unwrap();
    let large = Escrow { file: "x".repeat(12 << 10), ..escrow(&key(8)) };
    assert!(volume.add_recovery(Some(&volume_key), &key(8), Some(&large)).is_err());
    assert!(Volume::load(&device).unwrap().unlock_entered(key(8).as_str()).is_err());
    assert_eq!(found(&device).len(), 1);
}

#[test]
fn another_key_in_the_same_slot_is_not_confirmed() {
    let (_swtpm, device) = machine("recovery-changed");
    volume(&device).confirm(key(7).as_str()).unwrap();
    let file = device.with_extension("key");
    fs::write(&file, key(7).as_str()).unwrap();
    let words = format!(
        "luksChangeKey --batch-mode --key-slot=0 --pbkdf=pbkdf2 --pbkdf-force-iterations=1000 --key-file={}",
        file.display()
    );
    // The new one comes on standard input.
    let mut command = std::process::Command::new("cryptsetup");
    let new = device.with_extension("new");
    fs::write(&new, "another").unwrap();
    let changed = command.args(words.split(' ')).args([&device, &new]).output().unwrap();
    assert!(changed.status.success(), "{changed:?}");
    Volume::load(&device).unwrap().unlock(Some(0), "another").unwrap();
    assert_eq!(found(&device)[0].to_string(), "keyslot 0: not confirmed; not in escrow");
}

#[test]
fn other_tools_leave_the_mark_and_remove_it_with_the_key() {
    let (_swtpm, device) = machine("recovery-tools");
    volume(&device).confirm(key(7).as_str()).unwrap();
    let (read, dump) = cryptsetup("luksDump", &device, "");
    assert!(read && dump.contains("0: systemd-recovery"), "{dump}");
    assert_eq!(enrolled(&device, &[]), ["0 recovery", "1 password"]);
    // Other tools add a key, and write the header with it.
    let add = "luksAddKey --batch-mode --pbkdf=pbkdf2 --pbkdf-force-iterations=1000 --key-file=-";
    let new = device.with_extension("new");
    fs::write(&new, "third").unwrap();
    assert!(cryptsetup(&format!("{add} --new-keyfile={}", new.display()), &device, key(7).as_str()).0);
    assert!(found(&device)[0].confirmed && found(&device)[0].escrow.is_some());
    enrolled(&device, &["--wipe-slot=recovery"]);
    assert!(found(&device).is_empty());
}

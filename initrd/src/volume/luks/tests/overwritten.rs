//! Headers that other tools changed: one copy was overwritten, or a key slot was added.

use super::*;

/// Another tool wrote over one copy. The volume opens from the other, and both are whole afterwards.
#[test]
fn a_copy_that_was_overwritten_is_repaired() {
    let (_swtpm, device) = machine("overwritten");
    let key = recoverable(&device);
    let whole = fs::read(&device).unwrap();
    let mut boot_sector = [0; 512];
    boot_sector[54..59].copy_from_slice(b"FAT16");
    boot_sector[510..].copy_from_slice(&[0x55, 0xaa]);
    for start in [0, 16 << 10] {
        for damage in [&boot_sector[..], &[0; 512], &[0; 4096], &[0xff; 16 << 10], &[0; 6]] {
            fs::write(&device, &whole).unwrap();
            overwrite(&device, start, damage);
            let damaged = fs::read(&device).unwrap();
            let vetted = header(look(&device).unwrap());
            assert!(vetted.torn());
            Volume::vetted(&device, &vetted).unwrap().unlock_entered(key.as_str()).unwrap();
            assert!(fs::read(&device).unwrap() == damaged, "opening writes nothing");
            repair(&device).unwrap();
            assert!(!header(look(&device).unwrap()).torn());
            assert!(cryptsetup("open --test-passphrase --key-file=-", &device, key.as_str()).0);
        }
    }
}

/// The header of another size has its second copy elsewhere, and the first can't tell where.
#[test]
fn the_second_copy_is_found_wherever_it_is() {
    let (_swtpm, device) = machine("elsewhere");
    for metadata in ["16k", "64k", "1m", "4m"] {
        let options = format!(
            "luksFormat --batch-mode --type=luks2 --pbkdf=pbkdf2 --pbkdf-force-iterations=1000 --luks2-metadata-size={metadata} --key-file=-"
        );
        assert!(cryptsetup(&options, &device, "a passphrase").0, "{metadata}");
        let uuid = header(look(&device).unwrap()).uuid().to_owned();
        overwrite(&device, 0, &[0; 4096]);
        // What is left of the size is wrong.
        overwrite(&device, 0, b"LUKS\xba\xbe\0\x02\0\0\0\0\0\0\x80\0");
        let vetted = header(look(&device).unwrap());
        assert!(vetted.torn() && vetted.uuid() == uuid, "{metadata}");
        Volume::vetted(&device, &vetted).unwrap().unlock_entered("a passphrase").unwrap();
        repair(&device).unwrap();
        assert!(!header(look(&device).unwrap()).torn(), "{metadata}");
    }
}

/// `cryptsetup luksAddKey --unbound`: the key of such a slot opens nothing here.
#[test]
fn a_key_slot_that_holds_another_key_opens_nothing() {
    let (_swtpm, device) = machine("unbound");
    let key = recoverable(&device);
    let add = "luksAddKey --unbound --key-size=128 --pbkdf=pbkdf2 --pbkdf-force-iterations=1000 --batch-mode --key-slot=5";
    assert!(cryptsetup(add, &device, "another\n").0);
    let vetted = header(look(&device).unwrap());
    assert_eq!(vetted.entry().asked(), Some("Recovery key"));
    let mut volume = Volume::vetted(&device, &vetted).unwrap();
    assert!(volume.unlock_entered("another").is_err());
    volume.unlock_entered(key.as_str()).unwrap();
}

use serde_json::json;

use super::luks2::fixture::{DEVICE, load, set, with};
use super::*;

const LUKS2: &[u8] = b"LUKS\xba\xbe\0\x02";

fn seen(bytes: &[u8]) -> Seen {
    recognise(bytes, || Header::vet(bytes, DEVICE))
}

fn refusal(seen: Seen) -> String {
    let text = openable(seen).unwrap_err().to_string();
    let end = "; nothing was changed; give it another label than persist to have a new volume made beside it";
    text.strip_suffix(end).unwrap().to_owned()
}

#[test]
fn a_volume_with_a_recovery_key_is_opened() {
    let locks = Locks { recovery: true, ..Locks::default() };
    assert_eq!(openable(seen(&load("cryptenroll-257-recovery"))).unwrap().1, locks);
}

#[test]
fn a_token_that_we_cannot_use_is_named_and_no_refusal() {
    let token = json!({ "type": "systemd-tpm2", "keyslots": ["2"], "tpm2_pcrlock": true });
    let bytes = set("/tokens", &json!({ "0": token }));
    let unusable = vec!["token 0: not supported: a pcrlock policy".to_owned()];
    let locks = Locks { unusable, ..Locks::default() };
    assert_eq!(openable(seen(&bytes)).unwrap().1, locks);
}

#[test]
fn what_is_not_our_volume_is_named_and_left_alone() {
    let head = |offset: usize, bytes: &[u8]| {
        let mut head = vec![0; HEAD_BYTES];
        head[offset..offset + bytes.len()].copy_from_slice(bytes);
        recognise(&head, || unreachable!("no LUKS2 header"))
    };
    let holds = |what| format!("the partition holds {what}, not a LUKS2 volume");
    assert_eq!(refusal(head(0, &[])), holds("nothing but zeros"));
    assert_eq!(refusal(head(1080, b"\x53\xef")), holds("an ext2, ext3 or ext4 file system"));
    assert_eq!(refusal(head(0, b"XFSB")), holds("an xfs file system"));
    assert_eq!(refusal(head(0x1_0040, b"_BHRfS_M")), holds("a btrfs file system"));
    assert_eq!(refusal(head(0, b"LUKS\xba\xbe\0\x01")), holds("a LUKS1 volume"));
    assert_eq!(refusal(head(9000, b"x")), holds("data of an unknown kind"));
    let damaged = recognise(LUKS2, || Err(Fault::Damaged("bad checksum".to_owned())));
    assert_eq!(refusal(damaged), holds("a damaged LUKS2 header (bad checksum)"));
}

/// Its owner may have removed the TPM's key and the recovery key: `systemd-cryptenroll --wipe-slot`.
#[test]
fn a_volume_that_only_a_passphrase_or_a_device_opens_is_not_refused() {
    let (header, locks) = openable(seen(&load("cryptsetup-2.7.5-defaults"))).unwrap();
    assert_eq!((locks, header.entry().asked()), (Locks::default(), Some("Passphrase")));
    let others = |kind: &str| {
        let slots = json!(["1", "2", "3", "4"]);
        openable(seen(&set("/tokens", &json!({ "0": { "type": kind, "keyslots": slots } })))).unwrap()
    };
    for (kind, asked) in
        [("clevis", None), ("systemd-fido2", None), ("systemd-recovery", Some("Recovery key"))]
    {
        let (header, locks) = others(kind);
        assert_eq!((header.entry().asked(), locks.tokens.len()), (asked, 0), "{kind}");
    }
    // A token without a key slot is not a recovery key.
    let orphan = json!({ "0": { "type": "systemd-recovery", "keyslots": [] } });
    let (header, locks) = openable(seen(&set("/tokens", &orphan))).unwrap();
    assert_eq!((header.entry().asked(), locks.recovery), (Some("Passphrase"), false));
}

#[test]
fn a_volume_without_a_key_is_named() {
    let bytes = with(|metadata| {
        metadata["keyslots"] = json!({});
        metadata["digests"]["0"]["keyslots"] = json!([]);
        metadata["tokens"] = json!({});
    });
    assert_eq!(
        refusal(seen(&bytes)),
        "the partition holds a LUKS2 volume without a key slot, which nothing opens"
    );
}

/// What libcryptsetup opens and repairs: anything over the first copy, or over the second.
#[test]
fn one_whole_copy_of_the_header_is_enough() {
    for name in ["cryptenroll-257-recovery", "cryptsetup-2.8.8-aes-128-large-metadata"] {
        let whole = load(name);
        let size = whole.len() / 2;
        let first = size..whole.len();
        for start in [0, size] {
            let boot_sector = |bytes: &mut [u8]| {
                bytes[54..58].copy_from_slice(b"FAT1");
                bytes[510..512].copy_from_slice(&[0x55, 0xaa]);
            };
            type Change<'a> = &'a dyn Fn(&mut [u8]);
            let changes: [Change<'_>; 8] = [
                &|bytes| bytes[..512].fill(0),
                &|bytes| bytes[..4096].fill(0),
                &|bytes| bytes.fill(0),
                &|bytes| bytes.fill(0xff),
                &|bytes| bytes[..6].fill(0),
                &|bytes| bytes[7] = 1,
                &|bytes| bytes[8..16].copy_from_slice(&(32_u64 << 10).to_be_bytes()),
                &boot_sector,
            ];
            for (index, change) in changes.iter().enumerate() {
                let mut bytes = whole.clone();
                change(&mut bytes[start..start + size]);
                let Seen::Luks2(header) = seen(&bytes) else {
                    panic!("{name} {start} {index}: {:?}", seen(&bytes))
                };
                assert!(header.torn(), "{name} {start} {index}");
                // But for the salt of a copy, both are as they were.
                let kept = if start == 0 { first.clone() } else { 0..size };
                assert_eq!(&header.bytes()[kept.clone()], &whole[kept], "{name} {start} {index}");
                let places = (has_first_copy(&bytes), header_bytes(&bytes));
                assert!(if start == 0 { !places.0 } else { places == (true, whole.len()) });
            }
        }
        let mut neither = whole.clone();
        neither[..6].fill(0);
        neither[size + 4096] ^= 1;
        assert!(
            refusal(seen(&neither)).starts_with("the partition holds a damaged LUKS2 header (first copy: no")
        );
    }
}

/// Where the table lost the entry, too, nothing is made over the volume.
#[test]
fn a_place_with_one_copy_of_a_header_is_not_free() {
    let mut bytes = load("cryptsetup-2.7.5-defaults");
    luks2::fixture::change(&mut bytes, |_, copy| copy[24..31].copy_from_slice(b"persist"));
    bytes[..4096].fill(0);
    assert_eq!(place(&bytes, &seen(&bytes)), Place::Volume);
    let mut fat = bytes.clone();
    fat[54..58].copy_from_slice(b"FAT1");
    let Place::Foreign(what) = place(&fat, &seen(&fat)) else { panic!("not foreign") };
    assert_eq!(what, "a FAT file system, which was written over a LUKS2 volume");
    bytes[(16 << 10) + 4096] ^= 1;
    assert!(matches!(place(&bytes, &seen(&bytes)), Place::Foreign(_)));
    // What was begun is begun anew.
    let mut begun = load("cryptsetup-2.7.5-defaults");
    luks2::fixture::change(&mut begun, |_, copy| copy[24..35].copy_from_slice(b"persist-new"));
    begun[..4096].fill(0);
    assert_eq!(place(&begun, &seen(&begun)), Place::Unfinished);
}

#[test]
fn a_header_that_would_give_the_data_away_is_refused() {
    let text = refusal(seen(&set("/segments/0/encryption", &json!("cipher_null-ecb"))));
    let start = "the partition holds a LUKS2 volume that is not safe to open: segments.0.encryption is \"cipher_null-ecb\"";
    assert!(text.starts_with(start), "{text}");
}

#[test]
fn the_file_system_of_an_open_volume_is_recognised() {
    use crate::config::Filesystem;
    let head = |offset: usize, bytes: &[u8]| [&vec![0; offset], bytes].concat();
    assert_eq!(filesystem(&head(0, b"XFSB")), Some(Filesystem::Xfs));
    assert_eq!(filesystem(&head(1080, b"\x53\xef")), Some(Filesystem::Ext4));
    assert_eq!(filesystem(&head(0x1_0040, b"_BHRfS_M")), Some(Filesystem::Btrfs));
    assert_eq!(filesystem(&head(3, b"NTFS    ")), None);
}

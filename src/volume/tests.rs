use serde_json::json;

use super::luks2::fixture::{DEVICE, load, set};
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
    let foreign = refusal(seen(&load("cryptsetup-2.7.5-defaults")));
    assert!(foreign.ends_with("so it is not one that this system made"), "{foreign}");
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

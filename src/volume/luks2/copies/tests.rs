use crate::volume::luks2::fixture::{DEVICE, RICH, change, load, metadata, put_json, set};
use crate::volume::luks2::vet;
use crate::volume::{Fault, Header};

fn refusal(bytes: &[u8]) -> String {
    match Header::vet(bytes, DEVICE) {
        Err(Fault::Unsafe(flaw)) => flaw.to_string(),
        other => panic!("{other:?}"),
    }
}

fn damage(bytes: &[u8]) -> String {
    match Header::vet(bytes, DEVICE) {
        Err(Fault::Damaged(cause)) => cause,
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_binary_header_is_checked_too() {
    let edit = |position: usize, value: &'static [u8]| {
        let mut bytes = load(RICH);
        change(&mut bytes, |_, copy| copy[position..position + value.len()].copy_from_slice(value));
        bytes
    };
    let uuid = refusal(&edit(168, b"../../x\0"));
    assert_eq!(uuid, "uuid is \"../../x\", expected 36 characters as 01234567-89ab-cdef-0123-456789abcdef");
    let label = refusal(&edit(24, &[b'a'; 48]));
    assert_eq!(label, "label is 48 bytes without an end, expected a text that ends with a zero byte");
    for (position, value, cause) in [
        (6, &[0, 1][..], "version is not 2"),
        (72, b"crc32\0", "the checksum's algorithm is not sha256"),
        (8, &[0, 0, 0, 0, 0, 0, 0x10, 0], "hdr_size is not a power of two from 16384 to 4194304"),
    ] {
        let mut bytes = load(RICH);
        for start in [0, 16 << 10] {
            bytes[start + position..start + position + value.len()].copy_from_slice(value);
        }
        assert_eq!(damage(&bytes), format!("first copy: {cause}; second copy: not found"));
    }
}

#[test]
fn a_torn_copy_is_honest_and_the_other_counts() {
    let whole = Header::vet(&load(RICH), DEVICE).unwrap();
    for torn in [300, 5000, (16 << 10) + 300, (16 << 10) + 5000] {
        let mut bytes = load(RICH);
        bytes[torn] ^= 1;
        let header = Header::vet(&bytes, DEVICE).unwrap();
        assert!(header.torn());
        assert_eq!((header.areas(), header.length()), (whole.areas(), whole.length()));
        let again = Header::vet(header.bytes(), DEVICE).unwrap();
        assert!(!again.torn());
    }
    let mut bytes = load(RICH);
    bytes[5000] ^= 1;
    bytes[(16 << 10) + 5000] ^= 1;
    assert_eq!(damage(&bytes), "first copy: wrong checksum; second copy: not found");
}

#[test]
fn of_two_copies_the_newer_counts_and_equally_new_ones_agree() {
    let evil = |newer: u8, bad: usize| {
        let mut bytes = load(RICH);
        change(&mut bytes, |index, copy| {
            if index == bad {
                copy[23] = copy[23].wrapping_add(newer);
                let json = String::from_utf8(copy[4096..].to_vec()).unwrap();
                put_json(
                    copy,
                    json.trim_end_matches('\0').replace("aes-xts-plain64", "cipher_null-ecb").as_str(),
                );
            }
        });
        bytes
    };
    for bad in [0, 1] {
        let equal = refusal(&evil(0, bad));
        assert!(
            equal.starts_with("seqid is ") && equal.contains(" in two copies that differ, expected "),
            "{equal}"
        );
        assert!(refusal(&evil(1, bad)).starts_with("segments.0.encryption is \"cipher_null-ecb\""));
        let older = Header::vet(&evil(0xff, bad), DEVICE).unwrap();
        assert!(older.torn() && !older.bytes().windows(11).any(|bytes| bytes == b"cipher_null"));
    }
}

#[test]
fn metadata_that_parsers_read_differently_is_damage() {
    let replaced = |json: &str| {
        let mut bytes = load(RICH);
        change(&mut bytes, |_, copy| put_json(copy, json));
        damage(&bytes)
    };
    let both = |cause: &str| format!("first copy: {cause}; second copy: not found");
    assert_eq!(replaced("[]"), both("its metadata is not a JSON object"));
    assert!(replaced(&"[".repeat(4000)).contains("recursion limit exceeded"));
    assert!(replaced("{\"a\":NaN}").contains("its metadata is not JSON: "));
    assert_eq!(replaced("{\"type\\u0000\":\"x\"}"), both("its metadata has a zero byte in a text"));
    assert_eq!(replaced("{}\0{"), both("its metadata continues after its end"));
    assert_eq!(replaced(&" ".repeat(12 << 10)), both("its metadata has no end"));
    let huge = format!("[\"{}\"]", "x".repeat(8000));
    let long = refusal(&set("/keyslots/1/type", &serde_json::from_str(&huge).unwrap()));
    assert!(long.len() < 200 && long.ends_with("..., expected luks2"), "{long}");
}

#[test]
fn nothing_makes_it_panic() {
    let mut state = 1_u64;
    let mut random = move |limit: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % limit
    };
    let whole = load(RICH);
    for length in (0..600).chain((0..whole.len()).step_by(97)) {
        Header::vet(&whole[..length], DEVICE).ok();
    }
    // With valid checksums, so that the change is parsed.
    for position in 0..264 {
        let mut bytes = whole.clone();
        change(&mut bytes, |index, copy| {
            if index == 0 {
                copy[position] ^= 1 << (position % 8)
            }
        });
        Header::vet(&bytes, DEVICE).ok();
    }
    let json = metadata(&whole).to_string();
    for (position, bit) in (0..json.len()).flat_map(|position| (0..8).map(move |bit| (position, bit))) {
        let mut json = json.clone().into_bytes();
        json[position] ^= 1 << bit;
        if let Ok(changed) = serde_json::from_slice(&json) {
            vet::metadata(&changed, 16 << 10, DEVICE).ok();
        }
    }
    for length in [0, 1, 4096, 32 << 10] {
        let garbage: Vec<u8> = (0..length).map(|_| random(256) as u8).collect();
        assert!(damage(&garbage).starts_with("first copy: no LUKS2 header"));
    }
}

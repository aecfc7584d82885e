//! What `zstd -19 --no-check` packed, with and without `--patch-from`.

use super::*;
use crate::hex::decode;

/// Of the new text with the old one before it.
const PATCH: &str = "28b52ffd6093e56d0100d86c69736f6d657468696e6720656c7365207374616e6473206865720300423188a3de20a684b152b747eeba0d";

fn old() -> Vec<u8> {
    (0..4000).flat_map(|line| format!("line {line} of the old file\n").into_bytes()).collect()
}

fn new() -> Vec<u8> {
    let old = old();
    [&old[..30000], b"something else stands here\n", &old[31000..60000]].concat()
}

#[test]
fn what_was_packed_with_older_material_needs_exactly_that() {
    let patch = decode(PATCH).unwrap();
    assert_eq!(unpack(&patch, &old(), new().len()).unwrap(), new());
    assert!(unpack(&patch, &[], new().len()).is_err());
    let other = unpack(&patch, &[&old()[1..], b"x"].concat(), new().len());
    assert!(other != Ok(new()), "the place of a byte matters");
}

#[test]
fn older_material_of_more_than_one_raw_block_is_one_past() {
    let far = [vec![7; 3 * RAW_MAX + 5], old()].concat();
    assert_eq!(unpack(&decode(PATCH).unwrap(), &far, new().len()).unwrap(), new());
}

#[test]
fn a_length_that_is_not_announced_is_refused() {
    let patch = decode(PATCH).unwrap();
    let said = |frame: &[u8], length| unpack(frame, &old(), length).unwrap_err();
    let length = new().len();
    assert_eq!(said(&patch, length - 1), format!("it unpacks to more than {} bytes", length - 1));
    assert_eq!(said(&patch, length + 1), format!("it unpacks to {length} bytes, not to {}", length + 1));
    assert_eq!(said(&[&patch[..], b"more"].concat(), length), "4 bytes follow its end");
    assert_eq!(said(b"PK\x03\x04", length), "it is not packed with zstd");
    let huge = WINDOW_MAX + 1 - old().len();
    assert_eq!(
        said(&patch, huge),
        "16777217 bytes would be kept in memory, and at most 16777216 are allowed"
    );
    let mut summed = patch.clone();
    summed[4] |= 4;
    assert!(said(&summed, length).starts_with("it has a checksum or a dictionary"));
}

#[test]
fn no_cut_and_no_changed_byte_panics() {
    let (patch, old, length) = (decode(PATCH).unwrap(), old(), new().len());
    for end in 0..patch.len() {
        assert!(unpack(&patch[..end], &old, length).is_err(), "cut at {end}");
    }
    for (at, bit) in (0..patch.len()).flat_map(|at| (0..8).map(move |bit| (at, bit))) {
        let mut changed = patch.clone();
        changed[at] ^= 1 << bit;
        if let Ok(content) = unpack(&changed, &old, length) {
            assert_eq!(content.len(), length);
        }
    }
}

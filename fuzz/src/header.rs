//! The LUKS2 header, as whoever writes the disk may leave it.

use std::ops::Range;

use pattern::volume::{HEAD_BYTES, Header, Seen, header_bytes, openable, recognise};
use sha2::{Digest as _, Sha256};

/// Bytes of the partition.
const DEVICE: u64 = 64 << 20;
/// Where the checksum of a copy is, and how long its field.
const CHECKSUM: Range<usize> = 448..512;
/// Larger metadata adds nothing but time.
const LARGEST: usize = 2 * (64 << 10);

/// Takes the form of `tests/fixtures/luks2`, in which the zeros are left out. The checksums are made right: they keep
/// nobody out, and the fuzzer would not get past them.
///
/// # Panics
/// When a header that is vetted can be read in two ways, or names places that it must not.
pub fn header(input: &[u8]) {
    let bytes = unpack(input);
    let seen = recognise(bytes.get(..HEAD_BYTES).unwrap_or(&bytes), || Header::vet(&bytes, DEVICE));
    if let Err(refusal) = openable(seen.clone()) {
        assert!(!refusal.to_string().is_empty());
    }
    if let Seen::Luks2(header) = seen {
        check(&header);
    }
}

fn check(header: &Header) {
    let again = Header::vet(header.bytes(), DEVICE).expect("what was vetted is accepted");
    assert!(!again.torn(), "both copies of what was vetted count");
    assert_eq!(again.bytes(), header.bytes(), "what was vetted is read in one way");
    assert_eq!((again.areas(), again.length()), (header.areas(), header.length()));
    assert!(header.length() <= DEVICE);
    let mut areas = header.areas().to_vec();
    areas.sort_by_key(|area| area.start);
    let starts = areas.iter().skip(1).map(|area| area.start).chain([header.length()]);
    assert!(areas.iter().zip(starts).all(|(area, next)| area.end <= next), "key slots lie apart");
    let first = areas.first().map_or(u64::MAX, |area| area.start);
    assert!(first >= header.bytes().len() as u64, "key slots lie behind the header");
}

/// Both copies with their zeros, or the input as it is where it has not this form.
fn unpack(input: &[u8]) -> Vec<u8> {
    let length = header_bytes(input);
    let parts = split(input).and_then(|(first, rest)| Some([first, split(rest)?.0]));
    let Some(parts) = parts.filter(|_| length <= LARGEST) else { return input.to_vec() };
    let mut bytes = vec![0; length];
    for (copy, (binary, json)) in bytes.chunks_exact_mut(length / 2).zip(parts) {
        copy[..CHECKSUM.end].copy_from_slice(binary);
        let area = &mut copy[4096..];
        let kept = json.len().min(area.len());
        area[..kept].copy_from_slice(&json[..kept]);
        copy[CHECKSUM].fill(0);
        let sum = Sha256::digest(&*copy);
        copy[CHECKSUM.start..CHECKSUM.start + 32].copy_from_slice(&sum);
    }
    bytes
}

type Part<'a> = (&'a [u8], &'a [u8]);

/// The binary header and the metadata up to its zero byte, and what follows.
fn split(input: &[u8]) -> Option<(Part<'_>, &[u8])> {
    let (binary, rest) = input.split_at_checked(CHECKSUM.end)?;
    let end = rest.iter().position(|byte| *byte == 0)?;
    Some(((binary, &rest[..end]), &rest[end + 1..]))
}

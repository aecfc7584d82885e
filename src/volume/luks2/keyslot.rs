//! Vets key slots.

use std::ops::{Range, RangeInclusive};

use super::Flaw;
use super::allowed::{CIPHERS, HASHES, ROUNDS};
use super::node::Node;

/// Memory in KiB. The upper limit is the most that cryptsetup accepts, and four times the most that
/// it chooses by itself. More would not fail: the kernel would end programs until nothing runs.
const MEMORY: RangeInclusive<u64> = 1..=4 << 20;
/// Limit for KiB of memory times passes over it: 256 times what cryptsetup chooses on a large
/// machine. A small machine with little memory has many passes.
const WORK: u64 = 1 << 30;
/// Blocks that a key is spread over. No tool writes another number.
const STRIPES: u64 = 4000;
/// Bytes of an XTS key for ciphers of 128 or 256 bits.
const KEY_BYTES: [u64; 2] = [32, 64];
/// Bytes of a key that belongs to no segment.
const UNBOUND_BYTES: RangeInclusive<u64> = 1..=512;

/// Checks all key slots, and the size of the key in those that are `bound` to the data. Returns
/// where their material is, all of it within `place`.
pub(super) fn all(
    slots: &[(String, Node<'_>)],
    bound: &[&str],
    place: &Range<u64>,
) -> Result<Vec<Range<u64>>, Flaw> {
    let mut areas: Vec<Range<u64>> = Vec::new();
    let mut first_key = None;
    for (name, slot) in slots {
        let _luks2 = slot.at("type").one_of(&["luks2"])?;
        let size = slot.at("key_size");
        let is_bound = bound.contains(&name.as_str());
        let key = if is_bound { key_bytes(&size)? } else { size.number(UNBOUND_BYTES)? };
        if is_bound && *first_key.get_or_insert(key) != key {
            return Err(size.flaw("that of the other key slots"));
        }
        spreading(&slot.at("af"))?;
        derivation(&slot.at("kdf"))?;
        let area = slot.at("area");
        let range = material(&area, key * STRIPES, place)?;
        if areas.iter().any(|other| other.start < range.end && range.start < other.end) {
            return Err(area.at("offset").flaw("a place of its own"));
        }
        areas.push(range);
    }
    Ok(areas)
}

fn key_bytes(node: &Node<'_>) -> Result<u64, Flaw> {
    let bytes = node.number(0..=u64::MAX)?;
    if KEY_BYTES.contains(&bytes) { Ok(bytes) } else { Err(node.flaw("32 or 64")) }
}

fn material(area: &Node<'_>, least: u64, place: &Range<u64>) -> Result<Range<u64>, Flaw> {
    let _raw = area.at("type").one_of(&["raw"])?;
    let _cipher = area.at("encryption").one_of(CIPHERS)?;
    key_bytes(&area.at("key_size"))?;
    let (offset, size) = (area.at("offset"), area.at("size"));
    let (start, bytes) = (offset.bytes()?, size.bytes()?);
    if !place.contains(&start) || !start.is_multiple_of(4096) {
        return Err(offset.flaw(format!("from {} to below {}, in steps of 4096", place.start, place.end)));
    }
    if bytes < least || bytes > place.end - start {
        return Err(size.flaw(format!("from {least} to {}", place.end - start)));
    }
    Ok(start..start + bytes)
}

fn spreading(af: &Node<'_>) -> Result<(), Flaw> {
    let _luks1 = af.at("type").one_of(&["luks1"])?;
    let _hash = af.at("hash").one_of(HASHES)?;
    af.at("stripes").number(STRIPES..=STRIPES).map(drop)
}

fn derivation(kdf: &Node<'_>) -> Result<(), Flaw> {
    if kdf.at("type").one_of(&["pbkdf2", "argon2i", "argon2id"])? == "pbkdf2" {
        let _hash = kdf.at("hash").one_of(HASHES)?;
        return kdf.at("iterations").number(ROUNDS).map(drop);
    }
    let memory = kdf.at("memory").number(MEMORY)?;
    let _threads = kdf.at("cpus").number(1..=64)?;
    kdf.at("time").number(1..=WORK / memory).map(drop)
}

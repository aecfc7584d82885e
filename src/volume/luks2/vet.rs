//! Vets the JSON metadata of a LUKS2 header (LUKS2 On-Disk Format Specification, section 3).
//!
//! Anybody who has the disk for a minute can write a header. With a null cipher, data is written
//! unencrypted, or any passphrase opens the volume. A requirement can start a decryption
//! (CVE-2021-4122). Fields that no attack can use are not checked, because honest tools of
//! different years differ there.

use std::ops::Range;

use serde_json::Value;

use super::allowed::{CIPHERS, HASHES, ROUNDS};
use super::copies::BINARY;
use super::node::Node;
use super::{Flaw, keyslot};

/// Hints for speed that `cryptsetup open --persistent` leaves. The last two have no effect on plain
/// encryption.
const FLAGS: &[&str] = &[
    "allow-discards",
    "same-cpu-crypt",
    "submit-from-crypt-cpus",
    "no-read-workqueue",
    "no-write-workqueue",
    "high-priority",
    "high_priority",
    "no-journal",
];
/// libcryptsetup's own limit, which is eight times its default.
const KEYSLOTS_BYTES: u64 = 128 << 20;
const SLOTS: u32 = 32;
const TOKENS: u32 = 32;

/// What the metadata says about places on the device.
pub(super) struct Vetted {
    pub(super) areas: Vec<Range<u64>>,
    pub(super) length: u64,
    /// The key slots that hold the volume key. Others hold keys that open nothing here.
    pub(super) bound: Vec<u32>,
}

/// Vets the metadata of a header whose copies have `size` bytes each, on a device of `device`
/// bytes.
pub(super) fn metadata(metadata: &Value, size: u64, device: u64) -> Result<Vetted, Flaw> {
    let place = config(metadata, size)?;
    segment(&Node::root("segments", metadata), place.end, device)?;
    let slots = Node::root("keyslots", metadata).numbered(SLOTS)?;
    let names: Vec<&str> = slots.iter().map(|(name, _)| name.as_str()).collect();
    let bound = digests(&Node::root("digests", metadata), &names)?;
    let areas = keyslot::all(&slots, &bound, &place)?;
    tokens(&Node::root("tokens", metadata), &names)?;
    let bound = bound.iter().filter_map(|name| name.parse().ok()).collect();
    Ok(Vetted { areas, length: place.end, bound })
}

/// Checks the configuration. Returns where key slots may be.
fn config(metadata: &Value, size: u64) -> Result<Range<u64>, Flaw> {
    let config = Node::root("config", metadata);
    let json_size = config.at("json_size");
    if json_size.bytes()? != size - BINARY as u64 {
        return Err(json_size.flaw(format!("\"{}\", as hdr_size says", size - BINARY as u64)));
    }
    let keyslots_size = config.at("keyslots_size");
    let bytes = keyslots_size.bytes()?;
    if bytes > KEYSLOTS_BYTES || !bytes.is_multiple_of(4096) {
        return Err(keyslots_size.flaw(format!("at most {KEYSLOTS_BYTES}, in steps of 4096")));
    }
    let mandatory = config.at("requirements").at("mandatory");
    if !mandatory.absent() && mandatory.texts() != Ok(Vec::new()) {
        return Err(mandatory.flaw("an empty array: nothing beyond plain encryption"));
    }
    let flags = config.at("flags");
    if !flags.absent() && flags.texts()?.iter().any(|flag| !FLAGS.contains(flag)) {
        return Err(flags.flaw(format!("only those of {}", FLAGS.join(", "))));
    }
    Ok(2 * size..2 * size + bytes)
}

/// Requires one segment of encrypted data behind the header, and nothing else.
fn segment(segments: &Node<'_>, least: u64, device: u64) -> Result<(), Flaw> {
    let (_, segment) = segments.only(1)?;
    let _crypt = segment.at("type").one_of(&["crypt"])?;
    let _cipher = segment.at("encryption").one_of(CIPHERS)?;
    let integrity = segment.at("integrity");
    if !integrity.absent() {
        return Err(integrity.flaw("none: it is not supported here"));
    }
    let flags = segment.at("flags");
    if !flags.absent() && flags.texts() != Ok(Vec::new()) {
        return Err(flags.flaw("none"));
    }
    let tweak = segment.at("iv_tweak");
    if tweak.bytes()? != 0 {
        return Err(tweak.flaw("\"0\""));
    }
    extent(&segment, least, device)
}

fn extent(segment: &Node<'_>, least: u64, device: u64) -> Result<(), Flaw> {
    let sector = segment.at("sector_size");
    let bytes = sector.number(512..=4096)?;
    if !bytes.is_power_of_two() {
        return Err(sector.flaw("512, 1024, 2048 or 4096"));
    }
    let offset = segment.at("offset");
    let start = offset.bytes()?;
    if start < least || start >= device || !start.is_multiple_of(bytes) {
        let expected =
            format!("from {least}, the key slots' end, to below {device}, the device's, in whole sectors");
        return Err(offset.flaw(expected));
    }
    let size = segment.at("size");
    if size.text()? == "dynamic" {
        return Ok(());
    }
    let length = size.bytes()?;
    if length == 0 || length > device - start || !length.is_multiple_of(bytes) {
        return Err(size.flaw(format!("\"dynamic\", or at most {} in whole sectors", device - start)));
    }
    Ok(())
}

/// Requires one digest for the one volume key. Other digests are for keys of no segment, which
/// `cryptsetup luksAddKey --unbound` and a reencryption that was given up leave. Returns the key
/// slots that hold the volume key.
fn digests<'a>(digests: &Node<'a>, slots: &[&str]) -> Result<Vec<&'a str>, Flaw> {
    let all = digests.numbered(8)?;
    let mut named: Vec<&str> = Vec::new();
    let mut shared = None;
    let mut data = Vec::new();
    for (_, digest) in &all {
        let bound = digest_slots(digest, slots)?;
        if bound.iter().any(|name| named.contains(name)) {
            shared = Some(digest.at("keyslots"));
        }
        named.extend(&bound);
        let covered = digest.at("segments");
        match covered.texts()?[..] {
            ["0"] => data.push(bound),
            [] if all.len() > 1 => {}
            _ => return Err(covered.flaw("[\"0\"]")),
        }
    }
    match (data.pop(), data.pop(), shared) {
        (Some(bound), None, None) => Ok(bound),
        (Some(_), None, Some(shared)) => Err(shared.flaw("key slots of no other digest")),
        _ => Err(digests.miscounted(all.len(), "exactly one")),
    }
}

/// Checks a digest. Returns the key slots that it names.
fn digest_slots<'a>(digest: &Node<'a>, slots: &[&str]) -> Result<Vec<&'a str>, Flaw> {
    let _type = digest.at("type").one_of(&["pbkdf2"])?;
    let _hash = digest.at("hash").one_of(HASHES)?;
    let _rounds = digest.at("iterations").number(ROUNDS)?;
    let bound = digest.at("keyslots");
    let names = bound.texts()?;
    let known = names.iter().all(|name| slots.contains(name));
    if known { Ok(names) } else { Err(bound.flaw(format!("some of the key slots {}", slots.join(", ")))) }
}

fn tokens(tokens: &Node<'_>, slots: &[&str]) -> Result<(), Flaw> {
    for (_, token) in tokens.numbered(TOKENS)? {
        let _any = token.at("type").text()?;
        let named = token.at("keyslots");
        if named.texts()?.iter().any(|name| !slots.contains(name)) {
            return Err(named.flaw(format!("some of the key slots {}", slots.join(", "))));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;

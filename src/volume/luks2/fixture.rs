//! Headers that real tools wrote, unchanged and changed.

use std::fs;
use std::path::PathBuf;

use serde_json::Value;

use super::copies::{BINARY, checksum, header_bytes};

/// Bytes of the file that each header was written to.
pub(crate) const DEVICE: u64 = 64 << 20;
/// The header that tests change: three TPM tokens, and a recovery key.
pub(crate) const RICH: &str = "cryptenroll-257-three-tpm2-and-recovery";

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/luks2")
}

pub(crate) fn names() -> Vec<String> {
    let files = fs::read_dir(folder()).unwrap().map(|file| file.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> =
        files.filter_map(|name| Some(name.strip_suffix(".luks2")?.to_owned())).collect();
    names.sort_unstable();
    names
}

/// Returns both copies as they were, with their zeros restored.
pub(crate) fn load(name: &str) -> Vec<u8> {
    let mut kept = &fs::read(folder().join(format!("{name}.luks2"))).unwrap()[..];
    let size = header_bytes(kept) / 2;
    let mut bytes = vec![0; 2 * size];
    for copy in bytes.chunks_exact_mut(size) {
        let json = kept[512..].iter().position(|byte| *byte == 0).unwrap();
        copy[..512].copy_from_slice(&kept[..512]);
        copy[BINARY..BINARY + json].copy_from_slice(&kept[512..512 + json]);
        kept = &kept[512 + json + 1..];
    }
    bytes
}

/// Changes each copy, and then corrects the checksums.
pub(crate) fn change(bytes: &mut [u8], change: impl Fn(usize, &mut [u8])) {
    let size = header_bytes(bytes) / 2;
    for (index, copy) in bytes.chunks_exact_mut(size).enumerate() {
        change(index, copy);
        let sum = checksum(copy);
        copy[448..480].copy_from_slice(&sum);
    }
}

/// Returns a copy's metadata.
pub(crate) fn metadata(copy: &[u8]) -> Value {
    let json = copy[BINARY..].split(|byte| *byte == 0).next().unwrap();
    serde_json::from_slice(json).unwrap()
}

/// Replaces the metadata by a text.
pub(crate) fn put_json(copy: &mut [u8], json: &str) {
    copy[BINARY..].fill(0);
    copy[BINARY..BINARY + json.len()].copy_from_slice(json.as_bytes());
}

/// Returns [`RICH`] with the metadata changed in both copies.
pub(crate) fn with(edit: impl Fn(&mut Value)) -> Vec<u8> {
    let mut bytes = load(RICH);
    change(&mut bytes, |_, copy| {
        let mut metadata = metadata(copy);
        edit(&mut metadata);
        put_json(copy, &metadata.to_string());
    });
    bytes
}

/// Returns [`RICH`] with another value at a place. A new member is added if its object exists.
pub(crate) fn set(pointer: &str, value: &Value) -> Vec<u8> {
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    with(|metadata| metadata.pointer_mut(parent).unwrap()[name] = value.clone())
}

/// Returns [`RICH`] without a member.
pub(crate) fn without(pointer: &str) -> Vec<u8> {
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    with(|metadata| drop(metadata.pointer_mut(parent).unwrap().as_object_mut().unwrap().remove(name)))
}

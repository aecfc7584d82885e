//! Recognises what a partition holds, without libcryptsetup.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

use anyhow::{Context as _, Result};
use pattern::volume::{HEAD_BYTES, Header, Seen, header_bytes, recognise};

/// Returns what a partition holds. Writes nothing.
///
/// # Errors
/// When the partition can't be read.
pub fn look(device: &Path) -> Result<Seen> {
    let head = head(device)?;
    let wanted = header_bytes(&head);
    // What the first read returned is not read a second time, so it can't differ between the two.
    let header = if wanted > head.len() { start(device, wanted)? } else { head.clone() };
    let size = size(device).with_context(|| format!("reading {}", device.display()))?;
    Ok(recognise(&head, || Header::vet(&header, size)))
}

/// Returns the start of a device, by which [`pattern::volume`] recognises what it holds.
///
/// # Errors
/// When the device can't be read.
pub fn head(device: &Path) -> Result<Vec<u8>> {
    start(device, HEAD_BYTES)
}

fn start(device: &Path, length: usize) -> Result<Vec<u8>> {
    let mut bytes = Vec::with_capacity(length);
    let file = File::open(device);
    let read = file.and_then(|file| file.take(length as u64).read_to_end(&mut bytes));
    read.with_context(|| format!("reading {}", device.display()))?;
    Ok(bytes)
}

/// Returns the bytes of a file or block device.
///
/// # Errors
/// When it can't be opened.
pub fn size(device: &Path) -> std::io::Result<u64> {
    File::open(device)?.seek(SeekFrom::End(0))
}

//! Recognises what a partition holds, without libcryptsetup.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

use anyhow::{Context as _, Result};
use pattern::volume::{HEAD_BYTES, Header, MOST_HEADER_BYTES, Seen, has_first_copy, header_bytes, recognise};

/// Returns what a partition holds. Writes nothing.
///
/// # Errors
/// When the partition can't be read.
pub fn look(device: &Path) -> Result<Seen> {
    let mut start = Start::open(device)?;
    start.read_to(HEAD_BYTES)?;
    start.read_to(header_bytes(&start.bytes))?;
    if !has_first_copy(&start.bytes) {
        start.read_to(MOST_HEADER_BYTES)?;
    }
    let size = size(device).with_context(|| format!("reading {}", device.display()))?;
    Ok(recognise(&start.bytes, || Header::vet(&start.bytes, size)))
}

/// Returns the start of a device, by which [`pattern::volume`] recognises what it holds.
///
/// # Errors
/// When the device can't be read.
pub fn head(device: &Path) -> Result<Vec<u8>> {
    let mut start = Start::open(device)?;
    start.read_to(HEAD_BYTES)?;
    Ok(start.bytes)
}

/// The first bytes of a device. Each is read once, so it can't differ between two looks.
struct Start<'a> {
    device: &'a Path,
    file: File,
    bytes: Vec<u8>,
}

impl<'a> Start<'a> {
    fn open(device: &'a Path) -> Result<Self> {
        let file = File::open(device).with_context(|| format!("reading {}", device.display()))?;
        Ok(Self { device, file, bytes: Vec::new() })
    }

    /// Reads on until there are this many bytes, or all that the device has.
    fn read_to(&mut self, length: usize) -> Result<()> {
        let missing = length.saturating_sub(self.bytes.len()) as u64;
        let read = (&self.file).take(missing).read_to_end(&mut self.bytes);
        read.map(drop).with_context(|| format!("reading {}", self.device.display()))
    }
}

/// Returns the bytes of a file or block device.
///
/// # Errors
/// When it can't be opened.
pub fn size(device: &Path) -> std::io::Result<u64> {
    File::open(device)?.seek(SeekFrom::End(0))
}

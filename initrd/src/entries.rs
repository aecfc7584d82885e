//! The versions that the EFI system partition of the running system holds.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use pattern::entry::{DIRECTORY, Entry};

/// Where systemd-gpt-auto-generator mounts it.
const MOUNTS: [&str; 2] = ["/efi", "/boot"];

/// The versions of this image.
///
/// # Errors
/// When the partition is not mounted, or can't be read.
pub(crate) fn look(id: &str) -> Result<Vec<Entry>> {
    Ok(files(id)?.into_iter().map(|(entry, _)| entry).collect())
}

/// The versions with their files.
///
/// # Errors
/// When the partition is not mounted, or can't be read.
pub(crate) fn files(id: &str) -> Result<Vec<(Entry, PathBuf)>> {
    let found = MOUNTS.iter().map(|mount| Path::new(mount).join(DIRECTORY)).find(|path| path.is_dir());
    match found {
        Some(directory) => below(&directory, id),
        None => bail!("finding the EFI system partition: no {DIRECTORY} in {}", MOUNTS.join(" or ")),
    }
}

fn below(directory: &Path, id: &str) -> Result<Vec<(Entry, PathBuf)>> {
    let reading = || format!("reading {}", directory.display());
    let mut found = Vec::new();
    for file in fs::read_dir(directory).with_context(reading)? {
        let path = file.with_context(reading)?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        found.extend(Entry::parse(id, &name).map(|entry| (entry, path.clone())));
    }
    Ok(found)
}

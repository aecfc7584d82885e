//! Looks at files and folders.

use std::fs;
use std::path::{Path, PathBuf};

use crate::host::small;

/// Longest text that is read, in bytes.
pub(in crate::check) const LONGEST: usize = 64 << 10;

/// Returns what is in a folder, in the order of names.
pub(super) fn entries(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut paths: Vec<_> = entries.map(|entry| entry.path()).collect();
    paths.sort();
    paths
}

/// Returns the text of a file, if that is what it has.
pub(super) fn text(file: &Path) -> Option<String> {
    let bytes = small::read(file, LONGEST).ok().filter(|bytes| bytes.len() <= LONGEST)?;
    String::from_utf8(bytes).ok()
}

//! Temporary folders, removed when dropped.

use std::fs;
use std::path::{Path, PathBuf};
use std::process;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::Result;

use super::durable;

/// A new folder for large files, removed when this is dropped.
#[derive(Debug)]
pub struct TemporaryFolder(PathBuf);

impl TemporaryFolder {
    /// Makes a folder below `$TMPDIR`, or `/var/tmp`, which has room for a disk image.
    ///
    /// # Errors
    /// When it can't be made.
    pub fn new() -> Result<Self> {
        Self::below(&std::env::var_os("TMPDIR").map_or_else(|| PathBuf::from("/var/tmp"), PathBuf::from))
    }

    /// Makes a folder in another one, for its owner only.
    pub(crate) fn below(parent: &Path) -> Result<Self> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let path = parent.join(format!("pattern-{}-{}", process::id(), now.as_nanos()));
        durable::private_folder(&path)?;
        Ok(Self(path))
    }

    /// Returns its path.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for TemporaryFolder {
    fn drop(&mut self) {
        // Nobody is left to learn of a failure.
        fs::remove_dir_all(&self.0).ok();
    }
}

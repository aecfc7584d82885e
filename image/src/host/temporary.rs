//! Temporary folders, which are removed when they are dropped.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use tempfile::{Builder, TempDir};

use super::full;

/// Makes a folder below `$TMPDIR`, or `/var/tmp`, which has room for a disk image.
///
/// # Errors
/// When it can't be made.
pub fn folder() -> Result<TempDir> {
    folder_in(&std::env::var_os("TMPDIR").map_or_else(|| PathBuf::from("/var/tmp"), PathBuf::from))
}

/// Makes a folder in another one, for its owner only.
pub(crate) fn folder_in(parent: &Path) -> Result<TempDir> {
    let made =
        Builder::new().prefix("pattern-").permissions(Permissions::from_mode(0o700)).tempdir_in(parent);
    let made = made.with_context(|| format!("creating a temporary folder in {}", parent.display()));
    made.map_err(|error| full::explain(parent, error))
}

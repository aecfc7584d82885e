//! A key that is missing, and not only out of reach.

use std::path::PathBuf;

use anyhow::{Context as _, Result};

use crate::host::file;

/// Returns the first key that is not there.
///
/// # Errors
/// When one can't be looked at, or is not a file.
pub(super) fn first<const N: usize>(keys: [PathBuf; N]) -> Result<Option<PathBuf>> {
    for key in keys {
        if !file::is_there(&key).context("keys")? {
            return Ok(Some(key));
        }
        file::refuse_other(&key).with_context(|| format!("keys: reading {}", key.display()))?;
    }
    Ok(None)
}

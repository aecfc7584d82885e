//! Checks whether the caller is root.

use anyhow::{Result, bail};

/// Fails unless the caller is root.
///
/// # Errors
/// When the caller is not root.
pub fn require_root() -> Result<()> {
    if nix::unistd::geteuid().is_root() {
        return Ok(());
    }
    bail!("this needs root: sudo pattern …")
}

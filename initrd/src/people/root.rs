//! Whether the caller is root.

use anyhow::{Result, bail};

/// Refuses to go on as somebody who may not.
///
/// # Errors
/// When the caller is not root.
pub(crate) fn require_root() -> Result<()> {
    if nix::unistd::geteuid().is_root() {
        return Ok(());
    }
    bail!("this needs root: sudo pattern …")
}

//! Checks whether the caller is root.

use anyhow::{Result, bail};

/// Fails unless the caller is root.
///
/// # Errors
/// When the caller is not root.
pub fn require_root() -> Result<()> {
    require(nix::unistd::geteuid().is_root())
}

fn require(is_root: bool) -> Result<()> {
    if !is_root {
        bail!("this needs root; run: run0 pattern …");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::require;

    #[test]
    fn others_than_root_read_how_to_become_it() {
        require(true).unwrap();
        // Images have run0 and do not have sudo.
        assert_eq!(require(false).unwrap_err().to_string(), "this needs root; run: run0 pattern …");
    }
}

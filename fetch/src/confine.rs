//! Gives up what root may do.

use anyhow::Result;
use nix::unistd::{Gid, Uid, geteuid, setgid, setgroups, setuid};

/// The user that owns nothing.
const NOBODY: u32 = 65534;

/// Becomes nobody for good. Who is not root stays who it is, as in tests.
///
/// # Errors
/// When the kernel refuses.
pub(crate) fn as_nobody() -> Result<()> {
    nix::sys::prctl::set_no_new_privs()?;
    if geteuid().is_root() {
        setgroups(&[])?;
        setgid(Gid::from_raw(NOBODY))?;
        setuid(Uid::from_raw(NOBODY))?;
    }
    Ok(())
}

//! `pattern-retry`: where a boot ends in an emergency, restarts the machine when it is one on trial.

use anyhow::Result;

use crate::machine::{reboot, trial};

/// Restarts, or leaves the machine as it is.
///
/// # Errors
/// When systemd can't be asked to restart.
pub(crate) fn run() -> Result<()> {
    if trial::running() { reboot::now() } else { Ok(()) }
}

//! `pattern-retry`: restarts the machine if a boot on trial ends in an emergency.

use anyhow::Result;
use pattern_machine::{reboot, trial};

/// Restarts the machine during a trial. Does nothing otherwise.
///
/// # Errors
/// When systemd can't be asked to restart.
pub(crate) fn run() -> Result<()> {
    if trial::running() { reboot::now() } else { Ok(()) }
}

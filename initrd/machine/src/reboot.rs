//! Restarts the machine from the initrd.

use std::process::Command;
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};

/// Restarts the machine. Does not return if it succeeds.
///
/// # Errors
/// When systemctl fails, or the machine did not restart within a minute.
pub fn now() -> Result<()> {
    // With `--force`, systemd does not stop units first.
    let status = Command::new("systemctl").args(["--force", "reboot"]).status();
    let status = status.context("restarting the machine")?;
    if !status.success() {
        bail!("restarting the machine: systemctl ended with {status}");
    }
    thread::sleep(Duration::from_secs(60));
    bail!("restarting the machine: it did not restart within a minute")
}

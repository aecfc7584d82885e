//! Restarting the machine from the initrd.

use std::process::Command;
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};

/// Does not come back when it succeeds.
///
/// # Errors
/// When systemd can't be asked, or nothing came of it.
pub(crate) fn now() -> Result<()> {
    let status = Command::new("systemctl").args(["--force", "reboot"]).status();
    let status = status.context("restarting the machine")?;
    if !status.success() {
        bail!("restarting the machine: systemctl ended with {status}");
    }
    thread::sleep(Duration::from_secs(60));
    bail!("restarting the machine: it did not restart within a minute")
}

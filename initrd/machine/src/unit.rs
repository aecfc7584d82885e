//! Asks systemd for the state of a unit.

use std::process::Command;

use anyhow::{Context as _, Result, bail};
use pattern::update::essential::{self, PROPERTIES, State};

/// Returns what a unit is like now.
///
/// # Errors
/// When systemd can't be asked.
pub fn state(name: &str) -> Result<State> {
    let mut command = Command::new("systemctl");
    command.arg("show").arg(format!("--property={PROPERTIES}")).args(["--", name]);
    let output = command.output().context("starting systemctl")?;
    if !output.status.success() {
        bail!("asking for the state of {name}: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(essential::state(&String::from_utf8_lossy(&output.stdout)))
}

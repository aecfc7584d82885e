//! The kernel's device for the TPM.

use std::path::Path;
use std::time::{Duration, Instant};

use crate::drivers::Drivers;

/// The kernel's resource manager. It cleans up after a program that was killed.
pub const PATH: &str = "/dev/tpmrm0";
/// The firmware's description of its TPM 2.0, which it passes to the kernel.
const TABLE: &str = "/sys/firmware/acpi/tables/TPM2";
/// How long the kernel's driver may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// Returns whether the kernel has a device for the TPM. A TPM in failure mode, or with half an
/// update, has none.
#[must_use]
pub fn exists() -> bool {
    Path::new(PATH).exists()
}

/// Waits for the device if the firmware says that the machine has a TPM.
pub fn wait() {
    if exists() || !Path::new(TABLE).exists() {
        return;
    }
    log::info!("waiting for {PATH}");
    let deadline = Instant::now() + PATIENCE;
    let waited = Drivers::listen().and_then(|mut drivers| {
        loop {
            drivers.load();
            if exists() || !drivers.wait(deadline)? {
                return Ok(());
            }
        }
    });
    waited.unwrap_or_else(|error| log::warn!("waiting for {PATH}: {error:#}"));
}

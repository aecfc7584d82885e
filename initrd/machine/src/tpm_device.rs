//! The kernel's device for the TPM.

use std::path::Path;
use std::time::{Duration, Instant};

use crate::drivers::Drivers;

/// The kernel's resource manager. It cleans up after a program that was killed.
pub const PATH: &str = "/dev/tpmrm0";
/// This table exists if the firmware has a TPM 2.0 (TCG ACPI Specification, "TPM2 Table").
const TABLE: &str = "/sys/firmware/acpi/tables/TPM2";
/// How long the kernel's driver may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// Returns whether the kernel has a device for the TPM. A TPM in failure mode, or with half an
/// update, has none.
#[must_use]
pub fn exists() -> bool {
    Path::new(PATH).exists()
}

/// Returns whether the firmware says that the machine has a TPM.
#[must_use]
pub fn is_listed() -> bool {
    Path::new(TABLE).exists()
}

/// Waits for the device if the firmware says that the machine has a TPM.
pub fn wait() {
    if exists() || !is_listed() {
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

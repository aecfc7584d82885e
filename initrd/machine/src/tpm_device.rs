//! The kernel's device for the TPM.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::drivers::Drivers;
use crate::initrd;

/// The kernel's resource manager: as many programs as like to, each with its own objects.
pub const PATH: &str = "/dev/tpmrm0";
/// The TPM itself: one program at a time, and none of the resource manager's commands.
const DIRECT: &str = "/dev/tpm0";
/// This table exists if the firmware has a TPM 2.0 (TCG ACPI Specification, "TPM2 Table").
const TABLE: &str = "/sys/firmware/acpi/tables/TPM2";
/// 1 for a TPM 1.2, 2 for a TPM 2.0 (Linux, `Documentation/ABI/stable/sysfs-class-tpm`).
const VERSION: &str = "/sys/class/tpm/tpm0/tpm_version_major";
/// How long the kernel's driver may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// Returns the devices to try, the best first. The running system has other programs that use the
/// TPM at any time, so there the TPM itself is left alone.
#[must_use]
pub fn paths() -> Vec<PathBuf> {
    let direct = initrd::is_here().then_some(DIRECT);
    direct.into_iter().chain([PATH]).map(PathBuf::from).collect()
}

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

/// Returns whether the machine's TPM is a TPM 1.2, which the kernel shows as `/dev/tpm0` alone.
#[must_use]
pub fn is_old() -> bool {
    std::fs::read_to_string(VERSION).is_ok_and(|version| version.trim() == "1")
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

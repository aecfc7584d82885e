//! The kernel's device for the TPM.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use pattern::tpm::latch::Signs;

use crate::drivers::Drivers;
use crate::initrd;

/// The kernel's resource manager: as many programs as like to, each with its own objects.
pub const PATH: &str = "/dev/tpmrm0";
/// The TPM itself: one program at a time, and none of the resource manager's commands.
const DIRECT: &str = "/dev/tpm0";
/// This table exists if the firmware has a TPM 2.0 (TCG ACPI Specification, "TPM2 Table").
const TABLE: &str = "/sys/firmware/acpi/tables/TPM2";
/// systemd-stub sets this variable when it has measured the kernel image (UAPI.5 "UKI",
/// systemd-stub(7)).
const STUB: &str = "/sys/firmware/efi/efivars/StubPcrKernelImage-4a67b082-0a4c-41cf-b6c7-440b29bb8c4f";
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

/// Returns what is visible of a TPM 2.0.
#[must_use]
pub fn signs() -> Signs {
    // A boot loader may have measured into a TPM 1.2, which has nothing to lock.
    let measured = was_measured() && !is_old();
    Signs { device: exists(), measured, listed: Path::new(TABLE).exists() }
}

/// Returns whether systemd-stub measured the kernel image.
#[must_use]
pub fn was_measured() -> bool {
    Path::new(STUB).exists()
}

/// Returns whether the machine's TPM is a TPM 1.2, which the kernel shows as `/dev/tpm0` alone.
#[must_use]
pub fn is_old() -> bool {
    is_one(Path::new(VERSION))
}

fn is_one(version: &Path) -> bool {
    fs::read_to_string(version).is_ok_and(|version| version.trim() == "1")
}

/// Waits for the device if the firmware or the boot loader say that the machine has a TPM.
pub fn wait() {
    if signs().tpm().is_ok() {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tpm_1_2_is_told_from_a_tpm_2_0() {
        let file = std::env::temp_dir().join(format!("pattern-tpm-version-{}", std::process::id()));
        for (text, old) in [("1\n", true), ("2\n", false), ("", false)] {
            fs::write(&file, text).unwrap();
            assert_eq!(is_one(&file), old, "{text:?}");
        }
        fs::remove_file(&file).unwrap();
        assert!(!is_one(&file));
    }
}

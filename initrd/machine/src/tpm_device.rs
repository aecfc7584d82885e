//! The kernel's device for the TPM.

use std::path::Path;

/// The kernel's resource manager. It cleans up after a program that was killed.
pub const PATH: &str = "/dev/tpmrm0";

/// Returns whether the kernel has a device for the TPM. A TPM in failure mode, or with half an
/// update, has none.
#[must_use]
pub fn exists() -> bool {
    Path::new(PATH).exists()
}

//! Tells an initrd from the running system.

use std::path::Path;

/// Returns whether this is an initrd. Like systemd, this recognises one by `/etc/initrd-release`.
#[must_use]
pub fn is_here() -> bool {
    Path::new("/etc/initrd-release").exists()
}

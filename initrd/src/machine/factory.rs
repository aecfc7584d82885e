//! What a directory starts with: `/etc` and `/var` with what the image has below `/usr/share/factory`, the others empty.

mod copy;

use std::fs::{self, DirBuilder};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::Path;

use anyhow::Result;

/// The image's factory directory as the initrd sees it.
pub(crate) const FACTORY: &str = "/sysusr/usr/share/factory";

/// Root's, and readable for all, whatever the umask.
pub(crate) fn make(path: &Path) -> Result<()> {
    DirBuilder::new().mode(0o755).create(path)?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o755))?;
    Ok(())
}

pub(crate) fn fill(factory: &Path, name: &str, target: &Path) -> Result<()> {
    let source = factory.join(name);
    if matches!(name, "etc" | "var") && source.is_dir() {
        copy::contents(&source, target)?;
    }
    Ok(())
}

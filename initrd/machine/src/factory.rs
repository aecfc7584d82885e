//! Gives directories their first content: `/etc` and `/var` get the image's `/usr/share/factory`,
//! the others are empty.

mod copy;

use std::fs::{self, DirBuilder};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::Path;

use anyhow::Result;

/// The image's factory directory, as the initrd sees it.
pub const FACTORY: &str = "/sysusr/usr/share/factory";

/// Makes a directory that belongs to root and that all can read, whatever the umask is.
pub fn make(path: &Path) -> Result<()> {
    DirBuilder::new().mode(0o755).create(path)?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o755))?;
    Ok(())
}

/// Fills a new directory with its first content.
pub fn fill(factory: &Path, name: &str, target: &Path) -> Result<()> {
    let source = factory.join(name);
    if matches!(name, "etc" | "var") && source.is_dir() {
        copy::contents(&source, target)?;
    }
    Ok(())
}

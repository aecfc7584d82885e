//! Removes a directory tree, without following links.

use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use nix::libc::{O_DIRECTORY, O_NOFOLLOW, O_NONBLOCK};

use crate::ioctl::{self, Lasting};

/// Removes what is at a path, with everything in it, also what is immutable. Nothing may be there.
///
/// # Errors
/// When something can't be removed.
pub fn remove(path: &Path) -> io::Result<()> {
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
        Ok(found) if !found.is_dir() => fs::remove_file(path),
        Ok(_) => match fs::remove_dir_all(path) {
            Err(error) if error.kind() == ErrorKind::PermissionDenied => {
                release(path)?;
                fs::remove_dir_all(path)
            }
            removed => removed,
        },
    }
}

/// Makes everything changeable again.
fn release(path: &Path) -> io::Result<()> {
    let kind = fs::symlink_metadata(path)?.file_type();
    if !kind.is_dir() && !kind.is_file() {
        return Ok(());
    }
    let flags = if kind.is_dir() { O_NOFOLLOW | O_DIRECTORY } else { O_NOFOLLOW | O_NONBLOCK };
    let opened = File::options().read(true).custom_flags(flags).open(path)?;
    if !ioctl::lasting(&opened).is_none() {
        ioctl::set_lasting(&opened, Lasting::default())?;
    }
    if kind.is_dir() {
        fs::read_dir(path)?.try_for_each(|entry| release(&entry?.path()))?;
    }
    Ok(())
}

//! Open directories of a tree: the one that a path is in, and what is in one. No link is followed.

use std::ffi::OsStr;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use anyhow::{Error, Result};
use nix::dir::Dir;
use nix::errno::Errno;
use nix::fcntl::{open, openat};
use nix::sys::stat::{FileStat, Mode, SFlag, fstat, mkdirat};
use pattern::etc;

use super::build::FOLDER;

/// Returns the last part of a path.
#[must_use]
pub fn name(path: &etc::Path) -> &OsStr {
    OsStr::from_bytes(path.parts().last().unwrap_or_default())
}

/// Returns whether something is a file, a directory and so on.
#[must_use]
pub fn form(found: &FileStat) -> SFlag {
    SFlag::from_bits_truncate(found.st_mode) & SFlag::S_IFMT
}

/// Opens the directory that a path is in. All of its directories are on one file system.
///
/// # Errors
/// When one is not a directory, or is on another file system.
pub fn parent(root: &Path, path: &etc::Path) -> Result<OwnedFd> {
    let mut folder = open(root, FOLDER, Mode::empty())?;
    let device = fstat(&folder)?.st_dev;
    for above in path.ancestors() {
        folder = openat(&folder, name(&above), FOLDER, Mode::empty())?;
        if fstat(&folder)?.st_dev != device {
            let why = format!("{above} is a file system or a subvolume of its own");
            return Err(Error::from(Errno::EXDEV).context(why));
        }
    }
    Ok(folder)
}

/// Does the same, and makes the directories that are missing.
///
/// # Errors
/// When one can't be made, or [`parent`] fails.
pub fn prepared(root: &Path, path: &etc::Path) -> Result<OwnedFd> {
    let mut folder = open(root, FOLDER, Mode::empty())?;
    for above in path.ancestors() {
        let open = || openat(&folder, name(&above), FOLDER, Mode::empty());
        folder = match open() {
            Err(Errno::ENOENT) => {
                mkdirat(&folder, name(&above), Mode::from_bits_truncate(0o755))?;
                open()?
            }
            opened => opened?,
        };
    }
    parent(root, path)
}

/// Calls a function for each name in an open directory, from the first on.
pub(super) fn entries<E: From<Errno>>(
    directory: &impl AsFd,
    each: &mut dyn FnMut(&OsStr) -> Result<(), E>,
) -> Result<(), E> {
    // A description of its own: the position in the directory belongs to it.
    let own = openat(directory, ".", FOLDER, Mode::empty())?;
    for entry in Dir::from_fd(own)?.iter() {
        let entry = entry?;
        let name = entry.file_name().to_bytes();
        if !matches!(name, b"." | b"..") {
            each(OsStr::from_bytes(name))?;
        }
    }
    Ok(())
}

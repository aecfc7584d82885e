//! Changes single paths of a directory tree that is in use, without following links.

use std::path::Path;

use anyhow::{Context as _, Error, Result};
use nix::errno::Errno;
use nix::fcntl::{AtFlags, RenameFlags, openat, renameat2};
use nix::sys::stat::{Mode, SFlag, fstatat};
use nix::unistd::{UnlinkatFlags, unlinkat};
use pattern::etc::{self, Meta};

use super::build::FOLDER;
use super::directory::{form, name, parent};
use super::finish;

/// What became of a step.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Placed {
    /// It was done.
    Done,
    /// It is not possible: something is immutable, or a directory is in the way.
    Not,
}

/// Moves what is at a path of one tree to the same path of another. What is there is replaced in the same moment,
/// unless it is a directory.
///
/// # Errors
/// When it can't be moved.
pub fn place(from: &Path, to: &Path, path: &etc::Path) -> Result<Placed> {
    let about = || format!("placing {}/{path}", to.display());
    let from = parent(from, path).with_context(about)?;
    let folder = match parent(to, path) {
        Err(error) if is_elsewhere(&error) => return Ok(Placed::Not),
        folder => folder.with_context(about)?,
    };
    let moved = renameat2(&from, name(path), &folder, name(path), RenameFlags::empty());
    possible(moved).with_context(about)
}

/// Removes what is at a path, a directory only if it is empty.
///
/// # Errors
/// When it can't be removed.
pub fn withdraw(root: &Path, path: &etc::Path) -> Result<Placed> {
    let about = || format!("removing {}/{path}", root.display());
    let folder = parent(root, path).with_context(about)?;
    let found = fstatat(&folder, name(path), AtFlags::AT_SYMLINK_NOFOLLOW).with_context(about)?;
    let is_directory = form(&found) == SFlag::S_IFDIR;
    let flags = if is_directory { UnlinkatFlags::RemoveDir } else { UnlinkatFlags::NoRemoveDir };
    possible(unlinkat(&folder, name(path), flags)).with_context(about)
}

/// Gives a directory other attributes.
///
/// # Errors
/// When it can't be changed.
pub fn change(root: &Path, path: &etc::Path, meta: &Meta) -> Result<Placed> {
    let about = || format!("changing {}/{path}", root.display());
    let changed = || -> Result<()> {
        let directory = openat(&parent(root, path)?, name(path), FOLDER, Mode::empty())?;
        finish::exactly(&directory, meta)
    };
    match changed() {
        Err(error) if error.downcast_ref() == Some(&Errno::EPERM) || is_elsewhere(&error) => Ok(Placed::Not),
        changed => changed.with_context(about).map(|()| Placed::Done),
    }
}

/// Returns whether a directory of a path is on another file system.
fn is_elsewhere(error: &Error) -> bool {
    error.downcast_ref() == Some(&Errno::EXDEV)
}

/// The owner made something immutable, has files in it, or mounts something there.
fn possible(done: nix::Result<()>) -> nix::Result<Placed> {
    match done {
        Ok(()) => Ok(Placed::Done),
        Err(
            Errno::EPERM
            | Errno::ENOTEMPTY
            | Errno::EEXIST
            | Errno::EISDIR
            | Errno::ENOTDIR
            | Errno::EBUSY
            | Errno::EXDEV,
        ) => Ok(Placed::Not),
        Err(error) => Err(error),
    }
}

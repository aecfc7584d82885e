//! Writes files so that a power cut leaves them complete or absent, and locks folders for one
//! writer at a time.

use std::fs::{self, DirBuilder, File, Permissions, TryLockError};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use super::word::word;
use super::{file, screen, signals};

/// Keeps other runs of this tool out of a folder while the returned value lives.
///
/// # Errors
/// When another run works there, or the folder can't be opened.
pub(crate) fn lock(folder: &Path) -> Result<File> {
    let Some(file) = attempt(File::try_lock, folder)? else {
        bail!(
            "another pattern process is using {}; try again when it has finished",
            or_here(folder).display()
        )
    };
    Ok(file)
}

/// Does the same, but waits for the other run.
///
/// # Errors
/// When the folder can't be locked, or a signal ends the waiting.
pub(crate) fn wait_for_lock(folder: &Path) -> Result<File> {
    wait(File::try_lock, folder)
}

/// Keeps out, while the returned value lives, only those who want a file or a folder for themselves.
///
/// # Errors
/// As [`wait_for_lock`].
pub(crate) fn wait_to_share(path: &Path) -> Result<File> {
    wait(File::try_lock_shared, path)
}

type TryLock = fn(&File) -> std::result::Result<(), TryLockError>;

fn wait(lock: TryLock, folder: &Path) -> Result<File> {
    let mut is_told = false;
    loop {
        if let Some(file) = attempt(lock, folder)? {
            return Ok(file);
        }
        if !is_told {
            let shown = or_here(folder).display();
            screen::warn(format_args!("waiting: another pattern process is using {shown}"));
            is_told = true;
        }
        signals::refuse_to_go_on().with_context(|| format!("waiting for {}", folder.display()))?;
        thread::sleep(Duration::from_millis(200));
    }
}

/// Returns nothing if another run has the lock.
fn attempt(lock: TryLock, folder: &Path) -> Result<Option<File>> {
    let file = open(folder)?;
    match lock(&file) {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => {
            Err(error).with_context(|| format!("locking {}", folder.display()))
        }
    }
}

/// Makes a folder that only its owner can read, whatever the umask.
pub(crate) fn private_folder(path: &Path) -> Result<()> {
    let creating = || format!("creating {}", path.display());
    DirBuilder::new().mode(0o700).create(path).with_context(creating)?;
    mode(path, 0o700)
}

/// Prints a warning if others than its owner can read a folder of secrets.
pub(crate) fn warn_of_readers(path: &Path) -> Result<()> {
    let found = fs::metadata(path).with_context(|| format!("reading {}", path.display()))?;
    if found.permissions().mode() & 0o077 != 0 {
        let shown = path.display();
        screen::warn(format_args!(
            "warning: other users can read {shown}; to prevent that, run: chmod 700 {}",
            word(path)
        ));
    }
    Ok(())
}

/// Sets the mode of a file, whatever the umask.
pub(crate) fn mode(path: &Path, mode: u32) -> Result<()> {
    fs::set_permissions(path, Permissions::from_mode(mode))
        .with_context(|| format!("setting the mode of {}", path.display()))
}

/// Waits until a file's content or a folder's names are on the disk.
pub(crate) fn sync(path: &Path) -> Result<()> {
    open(path)?.sync_all().with_context(|| format!("writing {} to the disk", path.display()))
}

/// Does the same for everything in a folder.
pub(crate) fn sync_tree(folder: &Path) -> Result<()> {
    let reading = || format!("reading {}", folder.display());
    for entry in fs::read_dir(folder).with_context(reading)? {
        let entry = entry.with_context(reading)?;
        let kind = entry.file_type().with_context(reading)?;
        if kind.is_dir() {
            sync_tree(&entry.path())?;
        } else if kind.is_file() {
            sync(&entry.path())?;
        }
    }
    sync(folder)
}

/// Renames something whose content is on the disk. An existing file with the new name is replaced.
pub(crate) fn rename(from: &Path, to: &Path) -> Result<()> {
    let renaming = || format!("renaming {} to {}", from.display(), to.display());
    fs::rename(from, to).with_context(renaming)?;
    for folder in [from, to].iter().filter_map(|path| path.parent()) {
        sync(folder)?;
    }
    Ok(())
}

fn open(path: &Path) -> Result<File> {
    let path = or_here(path);
    file::without_waiting(path).with_context(|| format!("opening {}", path.display()))
}

/// Returns the folder that a path is in.
pub(crate) fn parent(path: &Path) -> PathBuf {
    or_here(path.parent().unwrap_or(path)).to_owned()
}

/// Returns "." for an empty path: the parent of a plain file name is empty.
fn or_here(path: &Path) -> &Path {
    if path.as_os_str().is_empty() { Path::new(".") } else { path }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;
    use crate::host::temporary;

    #[test]
    fn a_folder_has_one_writer() {
        let place = temporary::folder().unwrap();
        let lock = super::lock(place.path()).unwrap();
        let error = super::lock(place.path()).unwrap_err().to_string();
        assert!(error.starts_with("another pattern process is using "), "{error}");
        drop(lock);
        // A program that a test beside this one starts may have inherited it until it runs.
        wait_for_lock(place.path()).unwrap();
    }

    #[test]
    fn who_waits_gets_the_folder_when_it_is_free() {
        let place = temporary::folder().unwrap();
        let lock = super::lock(place.path()).unwrap();
        let is_free = AtomicBool::new(false);
        thread::scope(|scope| {
            scope.spawn(|| {
                let _lock = wait_for_lock(place.path()).unwrap();
                assert!(is_free.load(Ordering::SeqCst));
            });
            is_free.store(true, Ordering::SeqCst);
            drop(lock);
        });
    }

    #[test]
    fn a_private_folder_is_new_and_private() {
        let place = temporary::folder().unwrap();
        let folder = place.path().join("private");
        private_folder(&folder).unwrap();
        assert_eq!(fs::metadata(&folder).unwrap().permissions().mode() & 0o777, 0o700);
        assert!(private_folder(&folder).is_err());
    }
}

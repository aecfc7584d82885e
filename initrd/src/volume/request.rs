//! Requests for new keys, from root in the running system to the next boot. They are files inside
//! the volume, where nobody else can put one.

use crate::volume::place;
use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use anyhow::{Context as _, Result};

/// What can be requested.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Request {
    /// Another recovery key.
    Recovery,
    /// Another sealed key, so that the TPM refuses the key of earlier headers.
    Sealed,
}

impl Request {
    /// Returns the name of the file at the volume's root.
    fn name(self) -> &'static str {
        match self {
            Self::Recovery => "new-recovery-key",
            Self::Sealed => "new-sealed-key",
        }
    }
}

/// Leaves a request, in the running system.
///
/// # Errors
/// When the volume is not mounted, or can't be written to.
pub(crate) fn leave(request: Request) -> Result<()> {
    leave_in(place::mounted()?, request)
}

/// Leaves a request in the volume that is mounted here.
///
/// # Errors
/// When the volume can't be written to.
pub(crate) fn leave_in(volume: &Path, request: Request) -> Result<()> {
    let path = volume.join(request.name());
    let made = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&path);
    made.and_then(|file| file.sync_all()).with_context(|| format!("writing {}", path.display()))?;
    sync(volume)
}

/// Returns whether the volume that is mounted here has the request.
pub(crate) fn is_left(volume: &Path, request: Request) -> bool {
    volume.join(request.name()).is_file()
}

/// Returns whether the next boot will make a recovery key that was requested in the running system.
pub(crate) fn is_waiting() -> bool {
    is_left(Path::new(place::MOUNTED), Request::Recovery)
}

/// Removes a request that was carried out.
///
/// # Errors
/// When the volume can't be written to.
pub(crate) fn clear(volume: &Path, request: Request) -> Result<()> {
    let path = volume.join(request.name());
    fs::remove_file(&path).with_context(|| format!("removing {}", path.display()))?;
    sync(volume)
}

fn sync(folder: &Path) -> Result<()> {
    let synced = File::open(folder).and_then(|folder| folder.sync_all());
    synced.with_context(|| format!("writing {} to the disk", folder.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_there_until_it_is_cleared() {
        let folder = std::env::temp_dir().join(format!("pattern-request-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        for request in [Request::Recovery, Request::Sealed] {
            assert!(!is_left(&folder, request));
            leave_in(&folder, request).unwrap();
            assert!(is_left(&folder, request));
            clear(&folder, request).unwrap();
            assert!(!is_left(&folder, request) && clear(&folder, request).is_err());
        }
        fs::remove_dir_all(folder).unwrap();
    }
}

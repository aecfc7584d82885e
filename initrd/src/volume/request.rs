//! What root in the running system asks of the next boot: new keys. The files lie inside the volume, where nobody else can
//! put one.

use crate::volume::place;
use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use anyhow::{Context as _, Result};

/// What may be asked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Request {
    /// Another recovery key.
    Recovery,
    /// Another key that the TPM gives out, so that it refuses the one of earlier headers.
    Sealed,
}

impl Request {
    /// At the volume's root.
    fn name(self) -> &'static str {
        match self {
            Self::Recovery => "new-recovery-key",
            Self::Sealed => "new-sealed-key",
        }
    }
}

/// Asks, in the running system.
///
/// # Errors
/// When the volume is not mounted, or can't be written to.
pub(crate) fn leave(request: Request) -> Result<()> {
    leave_in(place::mounted()?, request)
}

/// Asks, in the volume mounted here.
///
/// # Errors
/// When the volume can't be written to.
pub(crate) fn leave_in(volume: &Path, request: Request) -> Result<()> {
    let path = volume.join(request.name());
    let made = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&path);
    made.and_then(|file| file.sync_all()).with_context(|| format!("writing {}", path.display()))?;
    sync(volume)
}

/// Whether it was asked, by what is in the volume mounted here.
pub(crate) fn is_left(volume: &Path, request: Request) -> bool {
    volume.join(request.name()).is_file()
}

/// Whether a recovery key was asked for in the running system, and will be made at the next boot.
pub(crate) fn is_waiting() -> bool {
    is_left(Path::new(place::MOUNTED), Request::Recovery)
}

/// Notes that it was done.
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

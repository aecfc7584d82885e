//! Keeps builds out of each other's files.

use std::fs::{self, File};
use std::path::Path;

use anyhow::{Context, Result};

use crate::host::durable;

/// Claims a version by the folder of its build's own files.
///
/// # Errors
/// When another build of this version is at work.
pub(crate) fn version(work: &Path) -> Result<File> {
    fs::create_dir_all(work).with_context(|| format!("creating {}", work.display()))?;
    durable::lock(work)
}

/// Claims a folder that builds of other versions use, too. Waits until they leave it.
///
/// # Errors
/// When it can't be locked, or a signal ends the waiting.
pub(super) fn shared(cache: &Path) -> Result<File> {
    durable::wait_for_lock(cache)
}

/// Removes what an earlier build left in a claimed folder. The folder stays, because it is locked.
///
/// # Errors
/// When something can't be removed.
pub(crate) fn empty(work: &Path) -> Result<()> {
    let removing = || format!("emptying {}", work.display());
    for entry in fs::read_dir(work).with_context(removing)? {
        let entry = entry.with_context(removing)?;
        let is_folder = entry.file_type().with_context(removing)?.is_dir();
        let removed =
            if is_folder { fs::remove_dir_all(entry.path()) } else { fs::remove_file(entry.path()) };
        removed.with_context(removing)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::temporary;

    #[test]
    fn a_version_has_one_build_and_begins_with_nothing() {
        let place = temporary::folder().unwrap();
        let work = place.path().join(".work/x_1");
        let claim = version(&work).unwrap();
        let error = version(&work).unwrap_err().to_string();
        assert!(error.starts_with("another pattern process is using "), "{error}");
        fs::create_dir_all(work.join("made")).unwrap();
        fs::write(work.join("tools.log"), "").unwrap();
        empty(&work).unwrap();
        assert_eq!(fs::read_dir(&work).unwrap().count(), 0);
        assert!(version(&work).is_err(), "still claimed");
        drop(claim);
        // A program that a test beside this one starts may have inherited it until it runs.
        shared(&work).unwrap();
        version(&place.path().join(".work/x_2")).unwrap();
    }
}

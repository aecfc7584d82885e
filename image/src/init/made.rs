//! What one run made, so that a run that fails removes it, and nothing else.

use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

/// Folders and files, in the order in which they were made.
#[derive(Default)]
pub(super) struct Made(Vec<PathBuf>);

impl Made {
    /// Makes a file, and the folders that it needs.
    ///
    /// # Errors
    /// When it exists, or can't be written. What was made of it is known.
    pub(super) fn file(&mut self, path: &Path, text: &str) -> Result<()> {
        let writing = || format!("writing {}", path.display());
        self.folder(path.parent().unwrap_or(path))?;
        let mut file = OpenOptions::new().write(true).create_new(true).open(path).with_context(writing)?;
        self.0.push(path.to_owned());
        file.write_all(text.as_bytes()).with_context(writing)
    }

    /// Makes a folder, and those above it that are missing.
    ///
    /// # Errors
    /// When one can't be made. What was made is known.
    pub(super) fn folder(&mut self, folder: &Path) -> Result<()> {
        let missing: Vec<_> = folder
            .ancestors()
            .take_while(|path| !path.as_os_str().is_empty() && fs::symlink_metadata(path).is_err())
            .collect();
        for path in missing.into_iter().rev() {
            match fs::create_dir(path) {
                Ok(()) => self.0.push(path.to_owned()),
                // Another run made it meanwhile.
                Err(error) if error.kind() == ErrorKind::AlreadyExists && path.is_dir() => {}
                Err(error) => return Err(error).with_context(|| format!("creating {}", path.display())),
            }
        }
        Ok(())
    }

    /// Removes everything. A folder that somebody else put something into stays.
    pub(super) fn remove(&mut self) {
        for path in std::mem::take(&mut self.0).iter().rev() {
            // The failure before this one is reported.
            if path.is_dir() { fs::remove_dir(path) } else { fs::remove_file(path) }.ok();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::temporary;

    #[test]
    fn only_what_was_made_is_removed() {
        let place = temporary::folder().unwrap();
        let path = |name: &str| place.path().join(name);
        let mut made = Made::default();
        fs::create_dir(path("old")).unwrap();
        for name in ["old/new/file", "new/file", "new/deep/file", "kept/file"] {
            made.file(&path(name), name).unwrap();
            assert_eq!(fs::read_to_string(path(name)).unwrap(), name);
        }
        fs::write(path("kept/other"), "").unwrap();
        fs::write(path("old/file"), "").unwrap();
        let error = made.file(&path("old/file"), "").unwrap_err().to_string();
        assert!(error.starts_with("writing "), "{error}");
        made.remove();
        assert!(path("old/file").exists() && !path("old/new").exists() && !path("new").exists());
        assert!(path("kept/other").exists() && !path("kept/file").exists());
    }
}

//! The key that signs what the firmware starts, and its certificate.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, anyhow, bail};

use super::{kind, missing};
use crate::host::{file, only_new};

/// Returns NAME of a folder `NAME-keys`.
pub(super) fn base(folder: &Path) -> &str {
    folder.components().as_path().to_str().and_then(|path| path.strip_suffix("-keys")).unwrap_or("NAME")
}

/// Says that a key is missing which each keyring has.
pub(super) fn lost(path: &Path) -> anyhow::Error {
    anyhow!("keys: {} is missing: restore it from your backup; {}", path.display(), only_new("NAME"))
}

/// Both, in a folder `NAME-keys`.
#[derive(Clone, Debug)]
pub(crate) struct SecureBoot {
    /// As a person named it, for messages.
    folder: PathBuf,
    /// For programs that work in another folder.
    absolute: PathBuf,
}

impl SecureBoot {
    /// Checks that both exist. `name` is that of the image's keyring.
    ///
    /// # Errors
    /// When one is missing, or the folder is another one. The error says what to do.
    pub(crate) fn find(folder: &Path, name: &str) -> Result<Self> {
        let found = Self::of(folder, name)?;
        match missing::first([found.key(), found.certificate()])? {
            Some(path) => Err(lost(&path)),
            None => Ok(found),
        }
    }

    /// Takes a folder that has keys, whichever they are.
    ///
    /// # Errors
    /// When it is another one.
    pub(super) fn of(folder: &Path, name: &str) -> Result<Self> {
        if !file::is_there(folder).context("keys")? {
            bail!(
                "keys: the folder {} does not exist: name the NAME-keys that earlier versions of this system were signed \
                 with; {}",
                folder.display(),
                only_new(base(folder))
            );
        }
        let absolute =
            folder.canonicalize().with_context(|| format!("keys: reading {}", folder.display()))?;
        if let Some(kind) = kind::other(folder, name)? {
            bail!("keys: {} is not a NAME-keys folder: {kind}; {}", folder.display(), only_new("NAME"));
        }
        Ok(Self { folder: folder.components().collect(), absolute })
    }

    /// Returns the folder.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Returns the folder's absolute path.
    pub(crate) fn absolute(&self) -> &Path {
        &self.absolute
    }

    /// Returns the key.
    pub(crate) fn key(&self) -> PathBuf {
        self.folder.join("secure-boot.key")
    }

    /// Returns the certificate of that key.
    pub(crate) fn certificate(&self) -> PathBuf {
        self.folder.join("secure-boot.crt")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::temporary;

    /// What signs add-ons need not have the keys of PCR 11.
    #[test]
    fn two_files_are_enough() {
        let place = temporary::folder().unwrap();
        let said = || {
            let error = SecureBoot::find(place.path(), "x").unwrap_err().to_string();
            error.replace(&place.path().display().to_string(), "x-keys")
        };
        std::fs::write(place.path().join("secure-boot.key"), "").unwrap();
        let next = "restore it from your backup; only for a new system: pattern gen-keyring NAME";
        assert_eq!(said(), format!("keys: x-keys/secure-boot.crt is missing: {next}"));
        std::fs::write(place.path().join("secure-boot.crt"), "").unwrap();
        assert_eq!(SecureBoot::find(place.path(), "x").unwrap().folder(), place.path());
        std::fs::remove_file(place.path().join("secure-boot.key")).unwrap();
        assert_eq!(said(), format!("keys: x-keys/secure-boot.key is missing: {next}"));
    }
}

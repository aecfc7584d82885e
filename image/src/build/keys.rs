//! The keys of a build, as `pattern gen-keyring` makes them: what kernel images are signed with.

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};

/// A folder `NAME-keys`.
#[derive(Clone, Debug)]
pub(crate) struct Keys(PathBuf);

impl Keys {
    /// Looks whether all that is needed is there.
    ///
    /// # Errors
    /// Names what is missing.
    pub(crate) fn find(folder: &Path) -> Result<Self> {
        let Ok(found) = folder.canonicalize() else {
            bail!(
                "keys: there is no folder {}; `pattern gen-keyring NAME` makes NAME-keys",
                folder.display()
            );
        };
        let keys = Self(found);
        match [keys.pcr(), keys.key(), keys.certificate()].iter().find(|path| !path.is_file()) {
            Some(path) => {
                bail!("keys: {} is missing; `pattern gen-keyring NAME` makes NAME-keys", path.display())
            }
            None => Ok(keys),
        }
    }

    /// Signs the values that PCR 11 has in the initrd.
    pub(crate) fn pcr(&self) -> PathBuf {
        self.0.join("pcr-private.pem")
    }

    /// Signs kernel images and the boot loader for Secure Boot.
    pub(crate) fn key(&self) -> PathBuf {
        self.0.join("secure-boot.key")
    }

    /// The certificate to it.
    pub(crate) fn certificate(&self) -> PathBuf {
        self.0.join("secure-boot.crt")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_named() {
        let error = Keys::find(Path::new("/nonexistent")).unwrap_err().to_string();
        assert_eq!(
            error,
            "keys: there is no folder /nonexistent; `pattern gen-keyring NAME` makes NAME-keys"
        );
        let place = crate::temporary::TemporaryFolder::new().unwrap();
        std::fs::write(place.path().join("pcr-private.pem"), "").unwrap();
        let error = Keys::find(place.path()).unwrap_err().to_string();
        assert!(error.contains("secure-boot.key is missing"), "{error}");
    }
}

//! The keys of a build, as `pattern gen-keyring` makes them: what kernel images are signed with.

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};

/// What `--sign-debug-as-production` means.
pub(crate) const DEBUG_AS_PRODUCTION: &str = "\
WARNING: this image has debug = true, and PCR 11 is signed with pcr-private.pem, the key of images for use.
WARNING: On each machine with such an image the TPM opens the volume for this one, which logs root in by itself.
WARNING: That can't be taken back. Whoever has this image and the machine has its files: keep the image secret.";

/// Which key signs the values that PCR 11 has in the initrd. The TPM opens a volume for images of the same key only.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Pcr {
    /// That of images for use.
    Production,
    /// That of images that give a shell.
    Debug,
}

impl Pcr {
    /// The key for an image.
    pub(crate) fn of(debug: bool, as_production: bool) -> Self {
        if debug && !as_production { Self::Debug } else { Self::Production }
    }

    fn file(self) -> &'static str {
        match self {
            Self::Production => "pcr-private.pem",
            Self::Debug => "pcr-debug-private.pem",
        }
    }
}

/// A folder `NAME-keys`.
#[derive(Clone, Debug)]
pub(crate) struct Keys {
    folder: PathBuf,
    pcr: Pcr,
}

impl Keys {
    /// Looks whether all that is needed is there.
    ///
    /// # Errors
    /// Names what is missing, and what adds it.
    pub(crate) fn find(folder: &Path, pcr: Pcr) -> Result<Self> {
        let Ok(found) = folder.canonicalize() else {
            bail!(
                "keys: there is no folder {}; `pattern gen-keyring NAME` makes NAME-keys",
                folder.display()
            );
        };
        let keys = Self { folder: found, pcr };
        match [keys.pcr(), keys.key(), keys.certificate()].iter().find(|path| !path.is_file()) {
            Some(path) if pcr == Pcr::Debug && *path == keys.pcr() => {
                let name = folder.components().as_path().display().to_string();
                let name = name.strip_suffix("-keys").unwrap_or("NAME");
                bail!(
                    "keys: {} is missing, which signs images with debug = true; `pattern gen-keyring {name} \
                     --add-missing` adds it and leaves the other keys as they are",
                    path.display()
                )
            }
            Some(path) => {
                bail!("keys: {} is missing; `pattern gen-keyring NAME` makes NAME-keys", path.display())
            }
            None => Ok(keys),
        }
    }

    /// Signs the values that PCR 11 has in the initrd.
    pub(crate) fn pcr(&self) -> PathBuf {
        self.folder.join(self.pcr.file())
    }

    /// Signs kernel images and the boot loader for Secure Boot.
    pub(crate) fn key(&self) -> PathBuf {
        self.folder.join("secure-boot.key")
    }

    /// The certificate to it.
    pub(crate) fn certificate(&self) -> PathBuf {
        self.folder.join("secure-boot.crt")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::temporary::TemporaryFolder;

    #[test]
    fn what_is_missing_is_named() {
        let error = Keys::find(Path::new("/nonexistent"), Pcr::Production).unwrap_err().to_string();
        assert_eq!(
            error,
            "keys: there is no folder /nonexistent; `pattern gen-keyring NAME` makes NAME-keys"
        );
        let place = TemporaryFolder::new().unwrap();
        std::fs::write(place.path().join("pcr-private.pem"), "").unwrap();
        let error = Keys::find(place.path(), Pcr::Production).unwrap_err().to_string();
        assert!(error.contains("secure-boot.key is missing"), "{error}");
    }

    /// A keyring of a version that made no key for debug images.
    #[test]
    fn a_debug_image_is_not_signed_with_the_key_of_images_for_use() {
        let place = TemporaryFolder::new().unwrap();
        let folder = place.path().join("x-keys");
        std::fs::create_dir(&folder).unwrap();
        for name in ["pcr-private.pem", "secure-boot.key", "secure-boot.crt"] {
            std::fs::write(folder.join(name), "").unwrap();
        }
        let debug = Pcr::of(true, false);
        let error = Keys::find(&folder.join(""), debug).unwrap_err().to_string();
        assert!(error.contains("pcr-debug-private.pem is missing, which signs images with debug"), "{error}");
        let next = format!("`pattern gen-keyring {}/x --add-missing` adds it", place.path().display());
        assert!(error.contains(&next), "{error}");
        assert_eq!(Keys::find(&folder, Pcr::of(false, false)).unwrap().pcr(), folder.join("pcr-private.pem"));

        std::fs::write(folder.join("pcr-debug-private.pem"), "").unwrap();
        assert_eq!(Keys::find(&folder, debug).unwrap().pcr(), folder.join("pcr-debug-private.pem"));
    }

    #[test]
    fn only_the_explicit_option_signs_a_debug_image_as_production() {
        assert_eq!(Pcr::of(true, true), Pcr::Production);
        assert_eq!(Pcr::of(true, false), Pcr::Debug);
        assert_eq!(Pcr::of(false, true), Pcr::Production);
    }
}

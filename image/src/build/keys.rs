//! The keys of a build, which `pattern gen-keyring` makes. They sign kernel images.

mod kind;
mod missing;
mod secure_boot;

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use pattern::config::epoch::{before, of_private_key, private_key};

use crate::host::screen;
use crate::host::word::quoted;
pub(crate) use secure_boot::SecureBoot;
use secure_boot::{base, lost};

/// The warning for `--sign-debug-as-production`.
pub(crate) const DEBUG_AS_PRODUCTION: &str = "\
WARNING: this image has debug = true, and PCR 11 is signed with pcr-private.pem, the key of images for use.
WARNING: On each machine with such an image the TPM opens the volume for this one, which logs root in by itself.
WARNING: This can't be undone. Anyone who has this image and the machine can read its files: keep the image secret.";

/// The key that signs the values of PCR 11 in the initrd. The TPM opens a volume only for images of
/// the same key.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Pcr {
    /// The key of images with `debug = false`, for this epoch. The key of the epoch before signs,
    /// too.
    Production(u32),
    /// The key of images that give a shell.
    Debug,
}

impl Pcr {
    /// Returns the key for an image.
    pub(crate) fn of(debug: bool, as_production: bool, epoch: u32) -> Self {
        if debug && !as_production { Self::Debug } else { Self::Production(epoch) }
    }

    fn file(self) -> String {
        match self {
            Self::Production(epoch) => private_key(epoch),
            Self::Debug => "pcr-debug-private.pem".to_owned(),
        }
    }

    /// Returns the images that need the key, and the option that adds it to a keyring with other
    /// keys.
    fn option(self) -> Option<(String, String)> {
        match self {
            Self::Production(0) => None,
            Self::Production(epoch) => Some((format!("image.epoch = {epoch}"), format!("--epoch {epoch}"))),
            Self::Debug => Some(("debug = true".to_owned(), "--add-missing".to_owned())),
        }
    }
}

/// A folder `NAME-keys`.
#[derive(Clone, Debug)]
pub(crate) struct Keys {
    secure_boot: SecureBoot,
    pcr: Pcr,
    before: Option<PathBuf>,
}

impl Keys {
    /// Checks that all needed keys exist. `name` is that of the image's keyring.
    ///
    /// # Errors
    /// When a key is missing. The error names it, and what adds it.
    pub(crate) fn find(folder: &Path, pcr: Pcr, name: &str) -> Result<Self> {
        let secure_boot = SecureBoot::of(folder, name)?;
        let keys = Self { secure_boot, pcr, before: None };
        match missing::first([keys.pcr(), keys.key(), keys.certificate()])? {
            Some(path) => match pcr.option().filter(|_| path == keys.pcr()) {
                None => Err(lost(&path)),
                Some((images, option)) => {
                    let name = quoted(base(keys.folder()));
                    bail!(
                        "keys: {} is missing, which signs images with {images}; `pattern gen-keyring {name} {option}` \
                         adds it and leaves the other keys as they are",
                        path.display()
                    )
                }
            },
            None => keys.with_before(),
        }
    }

    /// Finds the key of the epoch before.
    fn with_before(self) -> Result<Self> {
        let Pcr::Production(epoch @ 1..) = self.pcr else { return Ok(self) };
        let reading = || format!("keys: reading {}", self.folder().display());
        let mut found = Vec::new();
        for entry in fs::read_dir(self.folder()).with_context(reading)? {
            found.extend(entry.with_context(reading)?.file_name().to_str().and_then(of_private_key));
        }
        let Some(before) = before(epoch, found) else {
            bail!(
                "keys: {} has no key of an epoch before {epoch}, which signs too, so that machines with the version before open \
                 their volumes; copy it there, such as {}, from your backup",
                self.folder().display(),
                private_key(0)
            )
        };
        let before = Some(self.folder().join(private_key(before)));
        Ok(Self { before, ..self })
    }

    /// Returns the folder.
    pub(crate) fn folder(&self) -> &Path {
        self.secure_boot.folder()
    }

    /// Returns the key and the certificate for Secure Boot.
    pub(crate) fn secure_boot(&self) -> &SecureBoot {
        &self.secure_boot
    }

    /// Returns the key that also signs the values, so that the image opens what the version before
    /// sealed.
    pub(crate) fn pcr_before(&self) -> Option<&Path> {
        self.before.as_deref()
    }

    /// Returns the key that signs the values of PCR 11 in the initrd.
    pub(crate) fn pcr(&self) -> PathBuf {
        self.folder().join(self.pcr.file())
    }

    /// Returns the file for mkosi, which accepts only one. If two keys sign, the file has both, the
    /// image's own first. Our ukify separates them.
    ///
    /// # Errors
    /// When the keys can't be read, or the file can't be written.
    pub(crate) fn joined(&self, work: &Path) -> Result<Signing> {
        let Some(before) = self.pcr_before() else {
            return Ok(Signing { file: self.absolute(&self.pcr()), temporary: false });
        };
        let signing = Signing { file: work.join("pcr-private-keys.pem"), temporary: true };
        let made = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&signing.file);
        let mut made = made.with_context(|| format!("creating {}", signing.file.display()))?;
        for key in [self.pcr().as_path(), before] {
            let copied = File::open(key).and_then(|mut key| io::copy(&mut key, &mut made));
            let _bytes =
                copied.with_context(|| format!("copying {} to a file of this build", key.display()))?;
        }
        Ok(signing)
    }

    /// Returns the absolute path of one of the keys.
    pub(crate) fn absolute(&self, key: &Path) -> PathBuf {
        self.secure_boot.absolute().join(key.file_name().unwrap_or_default())
    }

    /// Returns the key that signs kernel images and the boot loader for Secure Boot.
    pub(crate) fn key(&self) -> PathBuf {
        self.secure_boot.key()
    }

    /// Returns the certificate of that key.
    pub(crate) fn certificate(&self) -> PathBuf {
        self.secure_boot.certificate()
    }
}

/// A file of the keys that sign PCR 11. A file that was made for a build is removed when this is
/// dropped.
#[derive(Debug)]
pub(crate) struct Signing {
    file: PathBuf,
    temporary: bool,
}

impl Signing {
    /// Returns the file.
    pub(crate) fn file(&self) -> &Path {
        &self.file
    }
}

impl Drop for Signing {
    fn drop(&mut self) {
        if self.temporary
            && let Err(error) = fs::remove_file(&self.file)
        {
            screen::warn(format_args!("pattern: removing {}, a copy of keys: {error}", self.file.display()));
        }
    }
}

#[cfg(test)]
mod tests;

//! Finds the image, and checks it before anything is erased: by the signature of a release, or by the sums that
//! `pattern build` wrote.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};

use crate::host::pubring::Pubring;
use crate::host::screen::Screen;
use crate::host::step::Step;
use crate::host::tree::Tools;
use crate::release::manifest::{self, MANIFEST};
use crate::release::{Compression, SIGNATURE, image, sum};

/// A file with an image.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Source {
    pub(super) file: PathBuf,
    pub(super) compression: Compression,
    /// What it is checked by.
    check: Check,
}

/// What a file is checked by.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Check {
    /// The signed sums of a release.
    Signature,
    /// The sums of a result of `pattern build`.
    Sums,
    /// Nothing: it is alone.
    Nothing,
}

/// What lies beside an image.
#[derive(Clone, Copy, Debug)]
struct Beside {
    sums: bool,
    signature: bool,
    /// Whether a keyring was given.
    keyring: bool,
}

impl Source {
    /// Finds the image that is meant: the file, or the newest image in the folder.
    ///
    /// # Errors
    /// When there is none, or it can't be checked as it has to be.
    pub(super) fn find(image: &Path, keyring: Option<&Path>) -> Result<Self> {
        let file = image::find(image)?;
        fs::metadata(&file).with_context(|| format!("looking at the image {}", file.display()))?;
        let folder = folder(&file);
        let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let compression = Compression::of(&name);
        let there = |name: &str| folder.join(name).exists();
        let beside =
            Beside { sums: there(MANIFEST), signature: there(SIGNATURE), keyring: keyring.is_some() };
        let check = check(&beside, compression).with_context(|| format!("checking {}", file.display()))?;
        Ok(Self { file, compression, check })
    }

    /// Checks the image. Returns what is to be said of it.
    ///
    /// # Errors
    /// When it was changed, or the signature is not by a key of the keyring.
    pub(super) fn check(
        &self,
        keyring: Option<&Path>,
        tools: &Tools,
        screen: Screen,
    ) -> Result<&'static str> {
        let folder = folder(&self.file);
        let said = match (self.check, keyring) {
            (Check::Nothing, _) => return Ok("not checked: no SHA256SUMS lies beside it"),
            (Check::Sums, _) => "as `pattern build` wrote it",
            (Check::Signature, Some(keyring)) => {
                let (manifest, signature) = (folder.join(MANIFEST), folder.join(SIGNATURE));
                Pubring::verify(keyring, &manifest, &signature, tools)?;
                "as it was signed"
            }
            (Check::Signature, None) => bail!(NO_KEYRING),
        };
        let name = self.file.file_name().unwrap_or_default().to_string_lossy();
        let sums = manifest::read(folder)?;
        let Some(wanted) = sums.get(name.as_ref()) else {
            bail!("{} does not name {name}: is it another version's?", folder.join(MANIFEST).display());
        };
        let step = Step::new(screen, self.file.display().to_string());
        if sum::of(&step, &self.file)? != *wanted {
            bail!("{} is not what {MANIFEST} beside it says: nothing was written", self.file.display());
        }
        step.end("checked");
        Ok(said)
    }
}

fn folder(file: &Path) -> &Path {
    file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

const NO_KEYRING: &str = "it is of a release: add --keyring NAME-pubring.pgp, the public key that its signature is checked with. Get \
                          that file from those who publish the system, but not from the server of the release: a key \
                          that came with it proves nothing. A machine of this system has it as \
                          /usr/lib/systemd/import-pubring.gpg";

fn check(beside: &Beside, compression: Compression) -> Result<Check> {
    match beside {
        Beside { sums: true, signature: true, keyring: true } => Ok(Check::Signature),
        Beside { signature: true, sums: false, .. } => bail!("{SIGNATURE} lies beside it, but no {MANIFEST}"),
        Beside { signature: true, .. } => bail!(NO_KEYRING),
        Beside { keyring: true, .. } => {
            bail!("--keyring was given, but no {SIGNATURE} lies beside it: it is not signed")
        }
        _ if compression != Compression::None => bail!(
            "it is of a release, but {MANIFEST} and {SIGNATURE} do not lie beside it: fetch them, too; without them nobody \
             knows who made it"
        ),
        Beside { sums: true, .. } => Ok(Check::Sums),
        _ => Ok(Check::Nothing),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is asked for beside a plain image, and beside a compressed one.
    #[test]
    fn what_comes_from_a_release_needs_a_signature_and_a_key_of_ones_own() {
        let said = |sums, signature, keyring, compression| {
            let check = check(&Beside { sums, signature, keyring }, compression);
            check.map_or_else(|error| error.to_string(), |check| format!("{check:?}"))
        };
        for plain in [Compression::None, Compression::Xz] {
            assert_eq!(said(true, true, true, plain), "Signature");
            assert_eq!(said(true, true, false, plain), NO_KEYRING);
            assert_eq!(said(false, true, true, plain), "SHA256SUMS.gpg lies beside it, but no SHA256SUMS");
            let unsigned = "--keyring was given, but no SHA256SUMS.gpg lies beside it: it is not signed";
            assert_eq!(said(true, false, true, plain), unsigned);
            assert_eq!(said(false, false, true, plain), unsigned);
        }
        assert_eq!(said(true, false, false, Compression::None), "Sums");
        assert_eq!(said(false, false, false, Compression::None), "Nothing");
        for sums in [true, false] {
            let error = said(sums, false, false, Compression::Xz);
            assert!(
                error.starts_with("it is of a release, but SHA256SUMS and SHA256SUMS.gpg do not lie"),
                "{error}"
            );
        }
    }
}

//! System credentials that a machine gets at start (systemd.system-credentials(7)).

use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use crate::host::temporary::TemporaryFolder;

/// A credential on the command line, in the form of systemd-vmspawn(1): `ID:PATH`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Source {
    /// Its name.
    pub id: String,
    /// The file with its value.
    pub path: PathBuf,
}

impl Source {
    /// Splits the text at the first colon.
    ///
    /// # Errors
    /// When there is no colon, or the name is not valid.
    pub fn parse(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text:?} is not ID:PATH, such as home.create.me:me.json");
        let (id, path) = text.split_once(':').ok_or_else(wrong)?;
        let good = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
        if id.is_empty() || path.is_empty() || !id.chars().all(good) {
            return Err(wrong());
        }
        Ok(Self { id: id.to_owned(), path: path.into() })
    }
}

/// Credentials as files for QEMU, in a folder that is removed when this is dropped.
#[derive(Debug)]
pub struct Credentials {
    folder: TemporaryFolder,
    files: Vec<PathBuf>,
}

impl Credentials {
    /// Makes an empty set.
    ///
    /// # Errors
    /// When the folder can't be made.
    pub fn new() -> Result<Self> {
        Ok(Self { folder: TemporaryFolder::new()?, files: Vec::new() })
    }

    /// Reads the credentials of a command line.
    ///
    /// # Errors
    /// When a file can't be read, or written.
    pub fn load(sources: &[Source]) -> Result<Self> {
        let mut credentials = Self::new()?;
        for source in sources {
            let read = fs::read(&source.path);
            let value = read.with_context(|| format!("reading {}", source.path.display()))?;
            credentials.add(&source.id, &Zeroizing::new(value))?;
        }
        Ok(credentials)
    }

    /// Adds one as an SMBIOS string (systemd.system-credentials(7),
    /// `io.systemd.credential.binary:`).
    ///
    /// # Errors
    /// When it can't be written.
    pub fn add(&mut self, id: &str, value: &[u8]) -> Result<()> {
        let path = self.folder.path().join(format!("{}.smbios", self.files.len()));
        let value = Zeroizing::new(STANDARD.encode(value));
        let text = Zeroizing::new(format!("io.systemd.credential.binary:{id}={}", *value));
        let writing = || format!("writing {}", path.display());
        let mut file = private(&path).with_context(writing)?;
        file.write_all(text.as_bytes()).with_context(writing)?;
        self.files.push(path);
        Ok(())
    }

    /// Returns the files, each with one string.
    #[must_use]
    pub fn files(&self) -> &[PathBuf] {
        &self.files
    }
}

fn private(path: &Path) -> std::io::Result<File> {
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_is_split_at_the_first_colon() {
        let source = Source { id: "home.create.me".into(), path: "a:b".into() };
        assert_eq!(Source::parse("home.create.me:a:b"), Ok(source));
        for wrong in ["", "x", ":x", "x:", "a b:x", "a/b:x"] {
            let said = Source::parse(wrong).unwrap_err();
            assert!(said.ends_with("is not ID:PATH, such as home.create.me:me.json"), "{said}");
        }
    }

    #[test]
    fn a_credential_is_a_string_in_a_file_of_its_owner() {
        use std::os::unix::fs::MetadataExt as _;
        let mut credentials = Credentials::new().unwrap();
        credentials.add("a.b", b"\0x").unwrap();
        let file = &credentials.files()[0];
        assert_eq!(fs::read_to_string(file).unwrap(), "io.systemd.credential.binary:a.b=AHg=");
        assert_eq!(fs::metadata(file).unwrap().mode() & 0o777, 0o600);
    }

    #[test]
    fn a_file_that_is_missing_is_named() {
        let source = Source::parse("a:/nonexistent").unwrap();
        let error = Credentials::load(&[source]).unwrap_err();
        assert!(format!("{error:#}").starts_with("reading /nonexistent: No such file"));
    }
}

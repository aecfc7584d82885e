//! System credentials that a machine gets at start (systemd.system-credentials(7)).

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::fd::AsRawFd as _;
use std::path::PathBuf;

use anyhow::{Context as _, Result, bail};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustix::fs::{MemfdFlags, memfd_create};
use zeroize::Zeroizing;

use crate::host::file;

/// systemd takes no larger ones.
const BYTES_MAX: usize = 1 << 20;

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

/// Credentials as files for QEMU. They are in memory only, so nothing is left of them, however this
/// process ends.
#[derive(Default, Debug)]
pub struct Credentials(Vec<File>);

impl Credentials {
    /// Reads the credentials of a command line.
    ///
    /// # Errors
    /// When a file can't be read, has too many bytes, or two have the same name.
    pub fn load(sources: &[Source]) -> Result<Self> {
        let mut credentials = Self::default();
        for (number, source) in sources.iter().enumerate() {
            if sources.iter().take(number).any(|other| other.id == source.id) {
                bail!("--load-credential gives {} twice", source.id);
            }
            credentials.add(&source.id, &read(source)?)?;
        }
        Ok(credentials)
    }

    /// Adds one as an SMBIOS string (systemd.system-credentials(7),
    /// `io.systemd.credential.binary:`).
    ///
    /// # Errors
    /// When there is no memory for it.
    pub fn add(&mut self, id: &str, value: &[u8]) -> Result<()> {
        let keeping = || format!("keeping the credential {id} in memory");
        // The programs that are started inherit it.
        let file = memfd_create("credential", MemfdFlags::empty()).with_context(keeping)?;
        let mut file = File::from(file);
        let value = Zeroizing::new(STANDARD.encode(value));
        write!(file, "io.systemd.credential.binary:{id}=").with_context(keeping)?;
        file.write_all(value.as_bytes()).with_context(keeping)?;
        self.0.push(file);
        Ok(())
    }

    /// Returns the paths of files with one string each, for programs that this process starts.
    #[must_use]
    pub fn files(&self) -> Vec<PathBuf> {
        self.0.iter().map(|file| format!("/proc/self/fd/{}", file.as_raw_fd()).into()).collect()
    }
}

fn read(source: &Source) -> Result<Zeroizing<Vec<u8>>> {
    let reading = || format!("reading {}", source.path.display());
    let file = file::open_or_given(&source.path).with_context(reading)?;
    // All at once, because a vector that grows leaves copies behind.
    let mut value = Zeroizing::new(Vec::with_capacity(BYTES_MAX + 1));
    let bytes = file.take(BYTES_MAX as u64 + 1).read_to_end(&mut value).with_context(reading)?;
    if bytes > BYTES_MAX {
        bail!("{}: it has more than 1 MiB, and systemd does not take such a credential", reading());
    }
    Ok(value)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::process::Command;

    use super::*;
    use crate::host::temporary;

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
    fn a_credential_is_a_string_for_what_is_started_and_has_no_name() {
        let mut credentials = Credentials::default();
        credentials.add("a.b", b"\0x").unwrap();
        let file = &credentials.files()[0];
        for _ in 0..2 {
            let read = Command::new("cat").arg(file).output().unwrap();
            assert_eq!(read.stdout, b"io.systemd.credential.binary:a.b=AHg=");
        }
        assert_eq!(fs::read_link(file).unwrap().to_str(), Some("/memfd:credential (deleted)"));
        let file = file.clone();
        drop(credentials);
        assert!(fs::read_link(file).is_err_and(|error| error.kind() == std::io::ErrorKind::NotFound));
    }

    #[test]
    fn what_can_not_be_a_credential_is_named() {
        let said = |sources: &[&str]| {
            let sources: Vec<_> = sources.iter().map(|text| Source::parse(text).unwrap()).collect();
            format!("{:#}", Credentials::load(&sources).unwrap_err())
        };
        assert!(said(&["a:/nonexistent"]).starts_with("reading /nonexistent: No such file"));
        assert!(said(&["a:/dev/zero"]).starts_with("reading /dev/zero: it is a device, not a file"));
        let place = temporary::folder().unwrap();
        let file = place.path().join("file");
        fs::write(&file, vec![b'x'; BYTES_MAX + 1]).unwrap();
        let long = said(&[&format!("a:{}", file.display())]);
        assert!(
            long.ends_with(": it has more than 1 MiB, and systemd does not take such a credential"),
            "{long}"
        );
        fs::write(&file, "").unwrap();
        let [a, b] = ["a", "b"].map(|id| format!("{id}:{}", file.display()));
        assert_eq!(said(&[&a, &b, "a:x"]), "--load-credential gives a twice");
    }
}

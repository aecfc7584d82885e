//! Secret keys among the files that mkosi copies into an image: whoever has the image would have them.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use super::mkosi::Mkosi;
use crate::host::gpg::SECRET_KEYS;
use crate::host::small;
use crate::keyring;

/// How much of a file is read, in bytes. A key is shorter.
const READ: usize = 64 << 10;
/// The folder of secret keys in a GnuPG home, and the file of an older one.
const OF_GPG: [&str; 2] = [SECRET_KEYS, "secring.gpg"];

/// What there is to say about a secret key.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Secret {
    /// It signs systems or updates, and belongs into no image.
    Ours(String),
    /// It may be meant.
    Other(String),
}

/// Returns what there is to say about the secret keys among an image's files.
pub(super) fn secrets(mkosi: &Mkosi) -> Vec<Secret> {
    let found: BTreeSet<_> = mkosi.files.iter().filter_map(|file| secret(&file.from)).collect();
    found.into_iter().collect()
}

fn secret(file: &Path) -> Option<Secret> {
    if let Some(part) = of_gpg(file) {
        return Some(Secret::Ours(format!(
            "{} has secret keys of a GnuPG home, and everybody who has the image would have them: {MOVE}",
            part.display()
        )));
    }
    // A link is copied as a link.
    let is_file = fs::symlink_metadata(file).is_ok_and(|found| found.is_file());
    let bytes = small::read(file, READ).ok().filter(|bytes| is_file && is_private(bytes))?;
    let (shown, name) = (file.display(), file.file_name()?.to_string_lossy());
    if keyring::is_secret(&name) && !bytes.is_empty() {
        return Some(Secret::Ours(format!(
            "{shown} is a secret key of a NAME-keys, and everybody who has the image would have it: {MOVE}"
        )));
    }
    Some(Secret::Other(format!(
        "{shown} is a private key, which all machines with the image share, and which everybody who has the image can read: if \
         each machine is to have its own, make it there; to give one machine a secret, use a credential (boot.credentials)"
    )))
}

const MOVE: &str = "move it out of the files of the image; if an image with it was given away, make new keys";

/// Returns the part of a GnuPG home that has secret keys, if a file is or is in one.
fn of_gpg(file: &Path) -> Option<PathBuf> {
    let mut parts = file
        .ancestors()
        .filter(|part| part.file_name().is_some_and(|name| OF_GPG.iter().any(|wanted| name == *wanted)));
    parts.next().map(Path::to_owned)
}

/// Returns whether a text has a private key: in PEM, as OpenSSH, OpenSSL and gpg write them, or of age.
fn is_private(bytes: &[u8]) -> bool {
    bytes.split(|byte| *byte == b'\n').any(|line| {
        let line = line.trim_ascii();
        let pem = line.strip_prefix(b"-----BEGIN ").and_then(|line| line.strip_suffix(b"-----"));
        let is_key = |what: &[u8]| what.ends_with(b"PRIVATE KEY") || what == b"PGP PRIVATE KEY BLOCK";
        pem.is_some_and(is_key) || line.starts_with(b"AGE-SECRET-KEY-1")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn private_keys_are_known_by_their_first_line() {
        for text in [
            "-----BEGIN PRIVATE KEY-----\nAA==\n",
            "Bag Attributes\r\n-----BEGIN ENCRYPTED PRIVATE KEY-----\r\n",
            "-----BEGIN RSA PRIVATE KEY-----\n",
            "-----BEGIN OPENSSH PRIVATE KEY-----",
            "-----BEGIN PGP PRIVATE KEY BLOCK-----\n",
            "# created: 2026\nAGE-SECRET-KEY-1QQ\n",
        ] {
            assert!(is_private(text.as_bytes()), "{text}");
        }
        for text in [
            "",
            "-----BEGIN PUBLIC KEY-----\n",
            "-----BEGIN CERTIFICATE-----\n",
            "case \"$1\" in *'-----BEGIN PRIVATE KEY-----'*) exit 1;; esac\n",
            "\u{7f}ELF\0-----BEGIN RSA PRIVATE KEY-----\0",
            "age1qq\n",
        ] {
            assert!(!is_private(text.as_bytes()), "{text}");
        }
    }
}

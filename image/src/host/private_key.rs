//! Private keys of any kind, by their content.

use std::fs;
use std::path::{Path, PathBuf};

use super::small;

/// How much of a file is read, in bytes. A key is shorter.
const READ: usize = 64 << 10;

/// Returns whether a file has a private key. A link is not followed.
pub(crate) fn is_in(file: &Path) -> bool {
    let is_file = fs::symlink_metadata(file).is_ok_and(|found| found.is_file());
    is_file && small::read(file, READ).is_ok_and(|bytes| is_private(&bytes))
}

/// Returns a file in a folder that has a private key.
pub(crate) fn within(folder: &Path) -> Option<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|entry| entry.path()).filter(|file| is_in(file)).min()
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

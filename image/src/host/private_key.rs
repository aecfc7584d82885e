//! Private keys, by their content.

mod der;

use std::fs;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use super::packets::{self, SECRET};
use super::small;

/// How much of a file is read, in bytes. A key is shorter.
const READ: usize = 64 << 10;

/// Returns whether a file has a private key. A link is not followed.
pub(crate) fn is_in(file: &Path) -> bool {
    fs::symlink_metadata(file).is_ok_and(|found| found.is_file()) && is_behind(file)
}

/// Returns whether a file has a private key, or the one that a link leads to.
pub(crate) fn is_behind(file: &Path) -> bool {
    small::read(file, READ).map(Zeroizing::new).is_ok_and(|bytes| is_private(&bytes))
}

/// Returns whether there is a private key: in PEM, as OpenSSH, OpenSSL and gpg write them, in DER, in DER as base64, of age, of
/// PuTTY, or as packets of OpenPGP.
fn is_private(bytes: &[u8]) -> bool {
    is_in_text(bytes) || der::is_private(bytes) || of_base64(bytes) || is_of_openpgp(bytes)
}

/// Returns whether all of a text is base64 of a key.
fn of_base64(text: &[u8]) -> bool {
    let text: Zeroizing<Vec<u8>> =
        Zeroizing::new(text.iter().copied().filter(|byte| !byte.is_ascii_whitespace()).collect());
    STANDARD.decode(&*text).map(Zeroizing::new).is_ok_and(|bytes| der::is_private(&bytes))
}

fn is_of_openpgp(bytes: &[u8]) -> bool {
    let (tags, whole) = packets::tags(bytes);
    whole && tags.first().is_some_and(|tag| SECRET.contains(tag))
}

fn is_in_text(bytes: &[u8]) -> bool {
    bytes.split(|byte| *byte == b'\n').any(|line| {
        let line = line.trim_ascii();
        let pem = line.strip_prefix(b"-----BEGIN ").and_then(|line| line.strip_suffix(b"-----"));
        let is_key = |what: &[u8]| what.ends_with(b"PRIVATE KEY") || what == b"PGP PRIVATE KEY BLOCK";
        let starts = [&b"AGE-SECRET-KEY-1"[..], b"PuTTY-User-Key-File-"];
        pem.is_some_and(is_key) || starts.iter().any(|start| line.starts_with(start))
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
            "PuTTY-User-Key-File-3: ssh-ed25519\nEncryption: none\n",
            // Of openssl: a new Ed25519 key.
            "MC4CAQAwBQYDK2VwBCIEIAcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcH\nBwcH\n",
        ] {
            assert!(is_private(text.as_bytes()), "{text}");
        }
        assert!(is_private(b"\x94\x01\0") && !is_private(b"\x98\x01\0") && !is_private(b"\x94\x02\0"));
        for text in [
            "",
            "-----BEGIN PUBLIC KEY-----\n",
            "-----BEGIN CERTIFICATE-----\n",
            "case \"$1\" in *'-----BEGIN PRIVATE KEY-----'*) exit 1;; esac\n",
            "\u{7f}ELF\0-----BEGIN RSA PRIVATE KEY-----\0",
            "age1qq\n",
            "AAAA\n",
        ] {
            assert!(!is_private(text.as_bytes()), "{text}");
        }
    }
}

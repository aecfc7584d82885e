//! Public keys of OpenSSH, as in `authorized_keys` (sshd(8), "AUTHORIZED_KEYS FILE FORMAT").

use std::path::Path;

use anyhow::{Context as _, Result, bail};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use sha2::{Digest as _, Sha256};

use super::small;

/// Longest file in bytes.
const LONGEST: usize = 1 << 16;

/// A public key.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct SshKey {
    /// The line that it was parsed from.
    pub(crate) line: String,
    /// The hash that `ssh-keygen -l` shows.
    pub(crate) fingerprint: String,
    /// Such as `me@host`. May be empty.
    pub(crate) comment: String,
}

impl SshKey {
    /// Parses a line without options.
    pub(crate) fn parse(line: &str) -> Option<Self> {
        let line = line.trim();
        let (kind, rest) = line.split_once(' ')?;
        let (text, comment) = rest.trim_start().split_once(' ').unwrap_or((rest.trim_start(), ""));
        let key = STANDARD.decode(text).ok()?;
        // The first part of a key is its kind (RFC 4253, section 6.6).
        let same = parts(&key)?.first()? == &kind.as_bytes();
        let fingerprint = format!("SHA256:{}", STANDARD_NO_PAD.encode(Sha256::digest(&key)));
        same.then(|| Self { line: line.to_owned(), fingerprint, comment: comment.trim().to_owned() })
    }
}

/// Splits a key into its parts, each with its length before it (RFC 4251, section 5).
fn parts(mut key: &[u8]) -> Option<Vec<&[u8]>> {
    let mut parts = Vec::new();
    while !key.is_empty() {
        let (length, rest) = key.split_first_chunk()?;
        let (part, rest) = rest.split_at_checked(usize::try_from(u32::from_be_bytes(*length)).ok()?)?;
        parts.push(part);
        key = rest;
    }
    Some(parts)
}

/// Reads a file with one or more public keys.
///
/// # Errors
/// When it has something else, or a private key.
pub(crate) fn read(file: &Path) -> Result<Vec<SshKey>> {
    let name = file.display();
    let bytes = small::read(file, LONGEST).with_context(|| format!("reading {name}"))?;
    if bytes.len() > LONGEST {
        bail!("{name} has more than {LONGEST} bytes, which no list of public keys has");
    }
    let Ok(text) = String::from_utf8(bytes) else {
        bail!("{name} is not text: name a public key of OpenSSH, such as ~/.ssh/id_ed25519.pub");
    };
    if text.contains("PRIVATE KEY-----") {
        bail!("{name} is a private key, which belongs in no image; give its public half, {name}.pub");
    }
    let mut keys = Vec::new();
    for (number, line) in (1..).zip(text.lines()).filter(|(_, line)| is_key(line)) {
        let Some(key) = SshKey::parse(line) else {
            bail!(
                "{name}: line {number} is not a public key of OpenSSH, such as \"ssh-ed25519 AAAA... me@host\""
            );
        };
        keys.push(key);
    }
    if keys.is_empty() {
        bail!("{name} has no public key; `ssh-keygen` makes one");
    }
    Ok(keys)
}

/// Returns whether a line has a key, and not only a comment.
pub(crate) fn is_key(line: &str) -> bool {
    let line = line.trim();
    !line.is_empty() && !line.starts_with('#')
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::host::temporary;

    /// `ssh-keygen -t ed25519 -C me@host`, and what `ssh-keygen -l` shows of it.
    const LINE: &str =
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAICPZXGtU6bDFTy8cqbTaWb7DieCo9fKVR8o/BEZuGYja me@host";
    const FINGERPRINT: &str = "SHA256:42aIqdf7PHb/3HS5v2qN+EqUo5KIA8fbvJGa5EqDj1s";

    #[test]
    fn a_key_has_the_fingerprint_that_openssh_shows() {
        let key = SshKey::parse(LINE).unwrap();
        assert_eq!((key.fingerprint.as_str(), key.comment.as_str()), (FINGERPRINT, "me@host"));
        let bare = SshKey::parse(LINE.strip_suffix(" me@host").unwrap()).unwrap();
        assert_eq!((bare.fingerprint.as_str(), bare.comment.as_str()), (FINGERPRINT, ""));
    }

    #[test]
    fn what_is_not_a_key_is_none() {
        let other = LINE.replace("ssh-ed25519 ", "ssh-rsa ");
        for line in ["", "ssh-ed25519", "ssh-ed25519 AAAA me", "ssh-ed25519 !", &LINE[..40], &other] {
            assert_eq!(SshKey::parse(line), None, "{line}");
        }
    }

    fn said(text: &str) -> Result<Vec<SshKey>, String> {
        let place = temporary::folder().unwrap();
        let file = place.path().join("key");
        fs::write(&file, text).unwrap();
        read(&file).map_err(|error| error.to_string().replace(&file.display().to_string(), "KEY"))
    }

    #[test]
    fn a_file_has_public_keys_and_comments() {
        let keys = said(&format!("# mine\n\n{LINE}\n{LINE}\n")).unwrap();
        assert_eq!(keys.len(), 2);
        assert_eq!(keys[0].line, LINE);
    }

    #[test]
    fn what_else_is_in_a_file_is_named() {
        let private = "-----BEGIN OPENSSH PRIVATE KEY-----\nsecret\n";
        let message = "KEY is a private key, which belongs in no image; give its public half, KEY.pub";
        assert_eq!(said(private), Err(message.to_owned()));
        let message = said(&format!("{LINE}\nsomething else\n")).unwrap_err();
        assert!(message.starts_with("KEY: line 2 is not a public key of OpenSSH"), "{message}");
        assert_eq!(said("# none\n"), Err("KEY has no public key; `ssh-keygen` makes one".to_owned()));
    }

    #[test]
    fn a_file_without_an_end_is_not_read() {
        let error = format!("{:#}", read(Path::new("/dev/zero")).unwrap_err());
        assert_eq!(error, "reading /dev/zero: it is a device, not a file");
        assert!(said(&"x".repeat(LONGEST + 1)).unwrap_err().contains("which no list of public keys has"));
    }
}

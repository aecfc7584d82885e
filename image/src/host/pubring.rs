//! The keyring that an image verifies updates with. It is in `/usr`: a machine with a wrong one takes no
//! update any more, also not the one that would correct it.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use super::gpg::{GNUPG, PLAIN, signing_keys};
use super::temporary;
use super::tools::{self, Source};

/// The first bytes of text in the place of a keyring (RFC 9580, section 6.2).
const ARMOR: &[u8] = b"-----BEGIN PGP ";
/// Tags of packets with secret keys (RFC 9580, section 5).
const SECRET: [u8; 2] = [5, 7];

/// A file with public keys.
pub(crate) struct Pubring {
    /// The fingerprints of the keys that can sign.
    pub(crate) keys: Vec<String>,
}

impl Pubring {
    /// Reads a keyring as systemd-pull does, by gpg.
    ///
    /// # Errors
    /// When the file is not a binary keyring, has a secret key, or no key that can sign now.
    pub(crate) fn read(file: &Path, tools: &Path) -> Result<Self> {
        let about = || format!("keyring {}", file.display());
        let bytes = fs::read(file).with_context(about)?;
        refuse(&bytes).with_context(about)?;
        let listing = list(file, tools).with_context(about)?;
        let keys = signing_keys(&listing, "pub");
        if keys.is_empty() {
            bail!("{}: no key in it can sign: {}", about(), why(&listing));
        }
        Ok(Self { keys })
    }
}

/// Refuses what gpg would not say clearly.
fn refuse(bytes: &[u8]) -> Result<()> {
    let secret = "it has a secret key, which every machine with the image would have: write a file that \
                  `gpg --export` makes, without --export-secret-keys, and make another key if an image with this one left your hands";
    match bytes {
        [] => bail!("it is empty: write a file that `gpg --export` makes"),
        text if text.starts_with(ARMOR) && text.starts_with(b"-----BEGIN PGP PRIVATE") => bail!(secret),
        text if text.starts_with(ARMOR) => {
            bail!("it is armored text, which systemd can't read: make a binary file with `gpg --dearmor`")
        }
        [first, ..] if tag(*first).is_some_and(|tag| SECRET.contains(&tag)) => bail!(secret),
        _ => Ok(()),
    }
}

/// Returns the tag of a packet from its first byte (RFC 9580, section 4.2).
fn tag(first: u8) -> Option<u8> {
    match first {
        0xc0.. => Some(first & 0x3f),
        0x80.. => Some((first >> 2) & 0xf),
        _ => None,
    }
}

fn list(file: &Path, tools: &Path) -> Result<String> {
    let source = Source::of(GNUPG, tools)?;
    let home = temporary::folder()?;
    let file: PathBuf = file.canonicalize()?;
    let mut command = source.command("gpg");
    command.args(PLAIN).arg("--homedir").arg(home.path());
    command.args(["--quiet", "--no-default-keyring", "--with-colons", "--list-keys", "--keyring"]).arg(file);
    let listing = tools::output("reading it with gpg", &mut command)?;
    Ok(String::from_utf8_lossy(&listing).into_owned())
}

/// Says what the keys lack.
fn why(listing: &str) -> String {
    let lines = listing.lines().map(|line| line.split(':').collect::<Vec<_>>());
    let said: Vec<String> = lines
        .filter(|fields| fields.first() == Some(&"pub"))
        .map(|fields| {
            let id = fields.get(4).unwrap_or(&"");
            let flaw = match fields.get(1) {
                Some(&"e") => "has expired",
                Some(&"r") => "was revoked",
                Some(&"d") => "is disabled",
                Some(&"i") => "is not valid",
                _ => "is not for signing",
            };
            format!("{id} {flaw}")
        })
        .collect();
    if said.is_empty() { "it has no public key".to_owned() } else { said.join(", ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_a_binary_public_keyring_is_named() {
        let said = |bytes: &[u8]| refuse(bytes).unwrap_err().to_string();
        assert!(said(b"").starts_with("it is empty"));
        assert!(said(b"-----BEGIN PGP PUBLIC KEY BLOCK-----\n").starts_with("it is armored text"));
        // Of a private key in text, and in the old and the new form of packets.
        for secret in [
            &b"-----BEGIN PGP PRIVATE KEY BLOCK-----\n"[..],
            b"\x94\x58",
            b"\x95\x01",
            b"\xc5\x01",
            b"\x9d\x01",
        ] {
            assert!(said(secret).starts_with("it has a secret key"), "{secret:?}");
        }
        for public in [&b"\x98\x33"[..], b"\xc6\x33", b"\0\0\0\x20\x01\x01\0\x02KBXf"] {
            refuse(public).unwrap();
        }
    }

    #[test]
    fn keys_that_do_not_sign_are_named() {
        let expired = "pub:e:255:22:2533:1795400499:1795400501::-:::sc:::::ed25519:::0:\nfpr:::::::::AD33:\n";
        let revoked = "pub:r:255:22:0102:1795400499:::-:::sc:::::ed25519:::0:\n";
        let encrypting = "pub:-:255:18:11:1:::-:::eE:::::cv25519:::0:\n";
        assert_eq!(
            why(&format!("{expired}{revoked}{encrypting}")),
            "2533 has expired, 0102 was revoked, 11 is not for signing"
        );
        assert_eq!(why("tru::1:1:0:3:1:5\n"), "it has no public key");
    }
}

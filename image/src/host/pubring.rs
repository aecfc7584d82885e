//! The keyring that an image verifies updates with. It is in `/usr`: a machine with a wrong one takes no
//! update any more, also not the one that would correct it.

use std::fs;
use std::path::{Component, Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use tempfile::TempDir;

use super::gpg::listing::{flaws, signing_keys, told};
use super::gpg::{Flaw, PLAIN, is_good};
use super::packets::{self, PUBLIC, SECRET};
use super::tools::{self, Need, Source, operand};
use super::tree::Tools;
use super::{file, only_new, small, temporary};

const GPG: Need = Need { programs: &["gpg"], package: "gpg" };
/// Longest file in bytes.
const LONGEST: usize = 1 << 20;
/// The first bytes of text in the place of a keyring (RFC 9580, section 6.2).
const ARMOR: &[u8] = b"-----BEGIN PGP ";
/// Where a file in GnuPG's own format says so. Such a file has public keys only.
const KEYBOX: (usize, &[u8]) = (8, b"KBXf");

/// A file with public keys.
pub(crate) struct Pubring {
    /// The fingerprints of the keys that can sign.
    pub(crate) keys: Vec<String>,
    /// The names that `pattern gen-keyring` gave keys. There are none if another program made some of them.
    pub(crate) names: Vec<String>,
}

impl Pubring {
    /// Reads a keyring as systemd-pull does, by gpg.
    ///
    /// # Errors
    /// When the file is not a binary keyring, has a secret key, or no key that can sign now.
    pub(crate) fn read(file: &Path, tools: &Tools) -> Result<Self> {
        vet(file)?;
        let gpg = Source::of(GPG, tools).with_context(|| about(file))?;
        Self::listed(file, &gpg)
    }

    /// Reads it with what this host has. Returns `None` if that is not enough to say which keys can
    /// sign.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub(crate) fn read_on_host(file: &Path) -> Result<Option<Self>> {
        vet(file)?;
        Source::of_host(GPG).map(|gpg| Self::listed(file, &gpg)).transpose()
    }

    fn listed(file: &Path, gpg: &Source) -> Result<Self> {
        let listing = list(file, gpg).with_context(|| about(file))?;
        let keys = signing_keys(&listing, "pub");
        if keys.is_empty() {
            bail!("{}: no key in it can sign: {}", about(file), why(&listing));
        }
        Ok(Self { keys, names: names(&listing).unwrap_or_default() })
    }

    /// Checks that a signature is valid, by a key of a keyring.
    ///
    /// # Errors
    /// When it is not, or the keyring is not usable.
    pub(crate) fn verify(keyring: &Path, file: &Path, signature: &Path, tools: &Tools) -> Result<()> {
        if !file::is_there(keyring).with_context(|| about(keyring))? {
            bail!("{} does not exist: get it from those who publish the system", about(keyring));
        }
        Self::read(keyring, tools)?;
        let (shown, keys) = (signature.display(), keyring.display().to_string());
        let doing = format!("verifying {shown} with {keys}");
        [file, signature].into_iter().try_for_each(file::readable).context(doing.clone())?;
        let keyring = keyring.canonicalize().context(doing.clone())?;
        let home = temporary::folder()?;
        let gpg = Source::of(GPG, tools)?;
        let mut command = with_home(&gpg, &home);
        command.args(["--trust-model=always", "--status-fd=1", "--keyring"]).arg(keyring);
        command.arg("--verify").arg(&*operand(signature)).arg(&*operand(file));
        let status = tools::output(&doing, &mut command);
        let status = status.map_err(|error| match not_verified(&error, file, &keys) {
            Some(why) => error.context(why),
            None => error,
        })?;
        if !is_good(&String::from_utf8_lossy(&status)) {
            bail!("{doing}: the key or the signature has expired, or was revoked");
        }
        Ok(())
    }
}

fn about(file: &Path) -> String {
    format!("keyring {}", file.display())
}

/// Says what it means that the signature of a file does not verify.
fn not_verified(error: &anyhow::Error, file: &Path, keys: &str) -> Option<String> {
    let shown = file.display();
    Some(match Flaw::of(error)? {
        Flaw::Changed => format!("{shown} was changed, or its signature is damaged: fetch both again"),
        Flaw::OtherKey => format!("no key in {keys} signed {shown}: it is the release of another publisher"),
    })
}

/// Checks what can be known without gpg.
fn vet(file: &Path) -> Result<()> {
    if !file::is_there(file).with_context(|| about(file))? {
        bail!(missing(file, fs::read_link(file).ok().as_deref()));
    }
    let bytes = small::read(file, LONGEST).with_context(|| about(file))?;
    refuse(&bytes).with_context(|| about(file))
}

/// Says what to do. Machines take no update any more if their next version has another keyring.
fn missing(file: &Path, target: Option<&Path>) -> String {
    let link = target.map_or(String::new(), |target| format!("is a link to {}, which ", target.display()));
    // A keyring is made where the link leads to.
    let made = target
        .map_or_else(|| file.to_owned(), |target| without_parents(&file.with_file_name("").join(target)));
    let made = made.display().to_string();
    format!(
        "keyring {} {link}is missing: copy the one that earlier versions of this system were built with; {}",
        file.display(),
        only_new(name(&made).unwrap_or("NAME"))
    )
}

/// Returns NAME of a file NAME-pubring.pgp, or nothing if it is called otherwise.
pub(crate) fn name(pubring: &str) -> Option<&str> {
    pubring.strip_suffix("-pubring.pgp")
}

/// Leaves out `..` and the folder before it, unless that folder is a link.
fn without_parents(path: &Path) -> PathBuf {
    let mut short = PathBuf::new();
    for part in path.components() {
        let is_up = part == Component::ParentDir;
        if is_up
            && matches!(short.components().next_back(), Some(Component::Normal(_)))
            && !short.is_symlink()
        {
            short.pop();
        } else {
            short.push(part);
        }
    }
    short
}

/// Refuses what gpg would not say clearly.
fn refuse(bytes: &[u8]) -> Result<()> {
    let secret = "it has a secret key, which every machine with the image would have: write a file that \
                  `gpg --export` makes, without --export-secret-keys, and make another key if an image with this one left your hands";
    let (tags, whole) = packets::tags(bytes);
    let (at, magic) = KEYBOX;
    match bytes {
        [] => bail!("it is empty: write a file that `gpg --export` makes"),
        _ if bytes.len() > LONGEST => bail!("it has more than {LONGEST} bytes"),
        text if text.starts_with(b"-----BEGIN PGP PRIVATE") => bail!(secret),
        text if text.starts_with(ARMOR) => {
            bail!("it is armored text, which systemd can't read: make a binary file with `gpg --dearmor`")
        }
        _ if bytes.get(at..).is_some_and(|rest| rest.starts_with(magic)) => Ok(()),
        _ if tags.iter().any(|tag| SECRET.contains(tag)) => bail!(secret),
        _ if !whole || !tags.contains(&PUBLIC) => {
            bail!("it is not a keyring: write a file that `gpg --export` makes")
        }
        _ => Ok(()),
    }
}

/// Returns gpg with an empty home.
fn with_home(gpg: &Source, home: &TempDir) -> Command {
    let mut command = gpg.command("gpg");
    // What it says is read.
    command
        .env("LC_ALL", "C")
        .args(PLAIN)
        .arg("--homedir")
        .arg(home.path())
        .args(["--quiet", "--no-default-keyring"]);
    command
}

fn list(file: &Path, gpg: &Source) -> Result<String> {
    let home = temporary::folder()?;
    let file: PathBuf = file.canonicalize()?;
    let mut command = with_home(gpg, &home);
    command.args(["--with-colons", "--list-keys", "--keyring"]).arg(file);
    let listing = tools::output("reading it with gpg", &mut command)?;
    Ok(String::from_utf8_lossy(&listing).into_owned())
}

/// Returns the names of keys whose user IDs are as `NAME <NAME@pattern.invalid>`, if all are.
fn names(listing: &str) -> Option<Vec<String>> {
    let users = listing.lines().filter_map(|line| line.strip_prefix("uid:")?.split(':').nth(8));
    let name = |user: &str| {
        let (name, mail) = user.split_once(" <")?;
        (mail.strip_suffix("@pattern.invalid>")? == name).then(|| name.to_owned())
    };
    users.map(name).collect()
}

/// Says what the keys lack.
fn why(listing: &str) -> String {
    match flaws(listing, "pub").as_slice() {
        [] => "it has no public key".to_owned(),
        flaws => told(flaws),
    }
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
            b"\x98\x01\0\x94\x01\0",
        ] {
            assert!(said(secret).starts_with("it has a secret key"), "{secret:?}");
        }
        for other in [&b"text"[..], b"\x98\x33", b"\xb4\x01x"] {
            assert!(said(other).starts_with("it is not a keyring"), "{other:?}");
        }
        assert_eq!(said(&vec![0; LONGEST + 1]), "it has more than 1048576 bytes");
        for public in [&b"\x98\x01\0"[..], b"\xc6\x01\0\xb4\x01x", b"\0\0\0\x20\x01\x01\0\x02KBXf"] {
            refuse(public).unwrap();
        }
    }

    /// A new keyring is the right one for a new system only.
    #[test]
    fn a_missing_keyring_is_to_be_copied_from_earlier_versions() {
        assert_eq!(
            missing(Path::new("a/b-pubring.pgp"), None),
            "keyring a/b-pubring.pgp is missing: copy the one that earlier versions of this system were built with; only \
             for a new system: pattern gen-keyring a/b"
        );
        let link = missing(Path::new("keys.pgp"), Some(Path::new("../demo/keys.pgp")));
        assert!(
            link.starts_with("keyring keys.pgp is a link to ../demo/keys.pgp, which is missing: "),
            "{link}"
        );
        assert!(link.ends_with("pattern gen-keyring NAME"), "{link}");
        for (file, target, wanted) in [
            ("demo-update/demo-pubring.pgp", "../demo/demo-pubring.pgp", "demo/demo"),
            ("demo-pubring.pgp", "../demo/demo-pubring.pgp", "../demo/demo"),
            ("x/demo-pubring.pgp", "/keys/demo-pubring.pgp", "/keys/demo"),
            ("x/demo-pubring.pgp", "older-pubring.pgp", "x/older"),
            ("/proc/self/x-pubring.pgp", "../x-pubring.pgp", "/proc/self/../x"),
        ] {
            let said = missing(Path::new(file), Some(Path::new(target)));
            assert!(
                said.ends_with(&format!("; only for a new system: pattern gen-keyring {wanted}")),
                "{said}"
            );
        }
    }

    #[test]
    fn a_keyring_of_ours_has_names() {
        let uid = |user: &str| format!("uid:-::::1795400499::29F3::{user}::::::::::0:\n");
        let (x, y) = (uid("x <x@pattern.invalid>"), uid("y <y@pattern.invalid>"));
        assert_eq!(names(&format!("{x}{y}")), Some(vec!["x".to_owned(), "y".to_owned()]));
        for other in ["Ann <ann@example.org>", "x <y@pattern.invalid>", ""] {
            assert_eq!(names(&format!("{x}{}", uid(other))), None, "{other}");
        }
    }
}

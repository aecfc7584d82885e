//! Whether the files of a folder `NAME-keys` are keys, and belong together. mkosi would say so only at its end.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};

use super::keys::{Keys, SecureBoot};
use crate::host::file;
use crate::host::pubring::Pubring;
use crate::host::small;
use crate::host::tools::{self, Need, Source};
use crate::host::tree::Tools;

const OPENSSL: Need = Need { programs: &["openssl"], package: "openssl" };
/// Longest file in bytes.
const LONGEST: usize = 64 << 10;

/// Checks the keys of a build. Returns whether all could be checked: not without openssl, on this host or in the
/// tools tree.
///
/// # Errors
/// When a file is not a key, or does not belong to the others.
pub(crate) fn check(keys: &Keys, tools: &Tools) -> Result<bool> {
    let pcr: Vec<_> =
        [Some(keys.pcr()), keys.pcr_before().map(Path::to_owned)].into_iter().flatten().collect();
    for file in &pcr {
        begins(file, "PRIVATE KEY", "a private key")?;
    }
    forms(keys.secure_boot())?;
    let Ok(openssl) = Source::of(OPENSSL, tools) else { return Ok(false) };
    for private in &pcr {
        halves(private, &openssl)?;
    }
    belong(keys.secure_boot(), &openssl)?;
    Ok(true)
}

/// Checks the key of Secure Boot and its certificate alone. Without openssl, only their form.
///
/// # Errors
/// When one of the files is not what it should be, or they do not belong together.
pub(crate) fn check_secure_boot(keys: &SecureBoot, tools: &Tools) -> Result<()> {
    forms(keys)?;
    Source::of(OPENSSL, tools).map_or(Ok(()), |openssl| belong(keys, &openssl))
}

fn forms(keys: &SecureBoot) -> Result<()> {
    begins(&keys.key(), "PRIVATE KEY", "a private key")?;
    begins(&keys.certificate(), "CERTIFICATE", "a certificate")
}

fn belong(keys: &SecureBoot, openssl: &Source) -> Result<()> {
    let (key, certificate) = (keys.key(), keys.certificate());
    if public(openssl, &key)? != in_certificate(openssl, &certificate, "-pubkey")? {
        bail!(
            "keys: {} is not the certificate of {}: restore both from your backup",
            certificate.display(),
            key.display()
        );
    }
    Ok(())
}

/// Returns a warning if the keys and the keyring are those of two systems, by the names that `gen-keyring` gave them.
pub(crate) fn warning(keys: &Keys, pubring: &Pubring, file: &Path, tools: &Tools) -> Option<String> {
    let openssl = Source::of(OPENSSL, tools).ok()?;
    let subject = in_certificate(&openssl, &keys.certificate(), "-subject").ok()?;
    let name = subject.trim().strip_prefix("subject=CN=")?.strip_suffix("-secure-boot")?;
    of_others(name, &pubring.names).then(|| {
        format!(
            "warning: the keys in {} are those of {name:?}, and {} is the keyring of {:?}: a machine takes no image that \
             other keys sign than those of the version before",
            keys.folder().display(),
            file.display(),
            pubring.names.join(", ")
        )
    })
}

/// A keyring may have keys of several names, of which one may be new.
fn of_others(name: &str, names: &[String]) -> bool {
    !names.is_empty() && names.iter().all(|other| other != name)
}

/// Checks the kind of a file in PEM.
fn begins(file: &Path, label: &str, what: &str) -> Result<()> {
    let bytes = small::read(file, LONGEST).with_context(|| format!("keys: reading {}", file.display()))?;
    let text = String::from_utf8_lossy(&bytes);
    let shown = file.display();
    if text.contains("-----BEGIN ENCRYPTED") || text.contains("Proc-Type: 4,ENCRYPTED") {
        bail!(
            "keys: {shown} has a passphrase, which nobody types during a build: write it without, in a folder of yours only"
        );
    }
    let is_it =
        text.lines().any(|line| line.starts_with("-----BEGIN ") && line.ends_with(&format!("{label}-----")));
    if !is_it {
        bail!("keys: {shown} is not {what} in PEM: restore it from your backup");
    }
    Ok(())
}

/// Compares a private key with its public half beside it, if there is one.
fn halves(private: &Path, openssl: &Source) -> Result<()> {
    let wanted = public(openssl, private)?;
    let beside = beside(private);
    if !file::is_there(&beside).context("keys")? {
        return Ok(());
    }
    let found =
        small::read(&beside, LONGEST).with_context(|| format!("keys: reading {}", beside.display()))?;
    if String::from_utf8_lossy(&found).trim() != wanted.trim() {
        let (public, private) = (beside.display(), private.display());
        bail!("keys: {public} is not the public half of {private}: restore both from your backup");
    }
    Ok(())
}

/// `pcr-public.pem` of `pcr-private.pem`
fn beside(private: &Path) -> PathBuf {
    let name = private.file_name().unwrap_or_default().to_string_lossy();
    private.with_file_name(name.replace("private", "public"))
}

fn public(openssl: &Source, private: &Path) -> Result<String> {
    say(openssl, "pkey", private, &["-pubout"])
}

fn in_certificate(openssl: &Source, certificate: &Path, what: &str) -> Result<String> {
    say(openssl, "x509", certificate, &["-noout", "-nameopt", "RFC2253", what])
}

fn say(openssl: &Source, kind: &str, file: &Path, options: &[&str]) -> Result<String> {
    let mut command: Command = openssl.command("openssl");
    command.env("OPENSSL_CONF", "/dev/null").args([kind, "-in"]).arg(&*tools::operand(file)).args(options);
    let said = tools::output("reading it with openssl", &mut command);
    let said =
        said.with_context(|| format!("keys: {} is damaged; restore it from your backup", file.display()))?;
    Ok(String::from_utf8_lossy(&said).into_owned())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::build::keys::Pcr;
    use crate::host::temporary;

    /// A folder whose files have these texts.
    fn said(pcr: &str, key: &str, certificate: &str) -> String {
        let place = temporary::folder().unwrap();
        let folder = place.path().canonicalize().unwrap();
        for (name, text) in
            [("pcr-private.pem", pcr), ("secure-boot.key", key), ("secure-boot.crt", certificate)]
        {
            fs::write(folder.join(name), text).unwrap();
        }
        let keys = Keys::find(&folder, Pcr::Production(0), "x").unwrap();
        let said = check(&keys, &Tools::At("/nonexistent".into()))
            .map_or_else(|e| format!("{e:#}"), |all| all.to_string());
        said.replace(&folder.display().to_string(), "x-keys")
    }

    const PRIVATE: &str = "-----BEGIN PRIVATE KEY-----\nAA==\n-----END PRIVATE KEY-----\n";
    const CERTIFICATE: &str = "-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n";

    #[test]
    fn what_is_not_a_key_is_named() {
        let next = "restore it from your backup";
        let not_private = |name: &str| format!("keys: x-keys/{name} is not a private key in PEM: {next}");
        assert_eq!(said("garbage", "garbage", "garbage"), not_private("pcr-private.pem"));
        assert_eq!(said(PRIVATE, CERTIFICATE, CERTIFICATE), not_private("secure-boot.key"));
        let not_certificate = format!("keys: x-keys/secure-boot.crt is not a certificate in PEM: {next}");
        assert_eq!(said(PRIVATE, PRIVATE, PRIVATE), not_certificate);
        let locked = said(&PRIVATE.replace("BEGIN ", "BEGIN ENCRYPTED "), PRIVATE, CERTIFICATE);
        assert!(
            locked.starts_with("keys: x-keys/pcr-private.pem has a passphrase, which nobody types"),
            "{locked}"
        );
        // What openssl knows, where there is one.
        let rest = said(PRIVATE, PRIVATE, CERTIFICATE);
        let damaged = format!("keys: x-keys/pcr-private.pem is damaged; {next}: reading it with openssl: ");
        assert!(rest == "false" || rest.starts_with(&damaged), "{rest}");
    }

    #[test]
    fn a_keyring_without_the_name_of_the_keys_is_of_another_system() {
        let names = ["x", "y"].map(str::to_owned);
        assert!(of_others("z", &names));
        assert!(!of_others("y", &names));
        assert!(!of_others("z", &[]), "its keys were made by another program");
    }

    #[test]
    fn the_public_half_lies_beside_the_private_one() {
        assert_eq!(
            beside(Path::new("private/pcr-epoch-2-private.pem")),
            Path::new("private/pcr-epoch-2-public.pem")
        );
    }
}

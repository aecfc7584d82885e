//! Runs GnuPG on one home folder, and leaves no agent and no sockets there.

use std::fs;
use std::io::Write;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use tempfile::TempDir;

use super::tools::{self, Need, Source};
use super::tree::Tools;
use super::{durable, only_new, signals, temporary};

const GNUPG: Need = Need { programs: &["gpg", "gpgconf", "gpg-agent"], package: "gnupg" };

/// Longest path of a home. A socket's path has at most 107 bytes, and the agent's longest name in a
/// home is `/S.gpg-agent.browser`.
const PATH_MAX: usize = 87;

/// Where a home has its secret keys.
pub(crate) const SECRET_KEYS: &str = "private-keys-v1.d";

/// Options that gpg's command line decides, not the home's `gpg.conf`.
pub(super) const PLAIN: [&str; 4] =
    ["--batch", "--no-options", "--no-auto-key-locate", "--no-auto-check-trustdb"];

const ITS_NAME: &str = "name the NAME-gpg that `pattern gen-keyring NAME` made";

/// Returns whether a folder is the GnuPG home of keys that can sign.
pub(crate) fn is_home(folder: &Path) -> bool {
    folder.join(SECRET_KEYS).is_dir()
}

/// A home folder, and gpg for it.
#[derive(Debug)]
pub(crate) struct Home {
    folder: PathBuf,
    /// The path for gpg: the folder, or a short link to it.
    path: PathBuf,
    _link: Option<TempDir>,
    source: Source,
    /// An agent that was already running is left alone.
    agent_is_ours: bool,
}

impl Home {
    /// Finds gpg for the home of a key that exists. gpg makes a home of any folder that it is given.
    ///
    /// # Errors
    /// When the folder is not such a home, or gpg does not exist.
    pub(crate) fn of_key(folder: &Path, tools: &Tools) -> Result<Self> {
        if folder.exists() && !folder.is_dir() {
            bail!("opening the GnuPG home {}: it is a file, not a folder; {ITS_NAME}", folder.display());
        }
        if folder.is_dir() && !is_home(folder) {
            bail!(
                "opening the GnuPG home {}: it has no folder {SECRET_KEYS}, so it has no key that can sign; {ITS_NAME}",
                folder.display()
            );
        }
        Self::open(folder, tools)
    }

    /// Finds gpg for an existing folder.
    ///
    /// # Errors
    /// When the folder or gpg does not exist.
    pub(crate) fn open(folder: &Path, tools: &Tools) -> Result<Self> {
        let source = Source::of(GNUPG, tools)?;
        let opening = || format!("opening the GnuPG home {}: {ITS_NAME}", folder.display());
        let absolute = folder.canonicalize().with_context(opening)?;
        durable::warn_of_readers(folder)?;
        let (path, link) = short(absolute)?;
        let mut home = Self { folder: folder.into(), path, _link: link, source, agent_is_ours: true };
        home.agent_is_ours = !home.agent_runs();
        Ok(home)
    }

    /// Makes an Ed25519 key for signing that does not expire, without a passphrase.
    pub(crate) fn generate(&self, name: &str) -> Result<()> {
        let parameters = format!(
            "%no-protection\nKey-Type: EDDSA\nKey-Curve: ed25519\nKey-Usage: sign\nName-Real: {name}\n\
             Name-Email: {name}@pattern.invalid\nExpire-Date: 0\n%commit\n"
        );
        let doing = "making an OpenPGP key with gpg";
        let mut command = self.gpg();
        let _ =
            command.arg("--generate-key").stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = signals::spawn(&mut command).context(doing)?;
        let written = child.stdin.take().map(|mut stdin| stdin.write_all(parameters.as_bytes()));
        // gpg's own error explains more than a broken pipe.
        let finished = tools::finish(doing, child);
        self.stop_agent();
        finished?;
        written.unwrap_or(Ok(())).context(doing)
    }

    /// Writes the public keys to a new file.
    pub(crate) fn export(&self, to: &Path) -> Result<()> {
        let mut command = self.gpg();
        command.arg("--output").arg(to).arg("--export");
        tools::output("exporting the public key with gpg", &mut command).map(|_| ())
    }

    /// Returns the fingerprint of the only key that can sign.
    ///
    /// # Errors
    /// When no key can sign, or more than one.
    pub(crate) fn key(&self) -> Result<String> {
        let mut command = self.gpg();
        command.args(["--with-colons", "--list-secret-keys"]);
        let listing = self.with_agent("listing keys with gpg", &mut command)?;
        let mut keys = signing_keys(&String::from_utf8_lossy(&listing), "sec");
        match (keys.len(), keys.pop()) {
            (1, Some(key)) => Ok(key),
            (0, _) => bail!(
                "{} has no secret key that can sign (an expired or revoked one can't): restore the one that the \
                 images of this system trust, from your backup; {}",
                self.folder.display(),
                only_new("NAME")
            ),
            (count, _) => bail!(
                "{} has {count} secret keys that can sign: name a GnuPG home that has the key of this \
                 release only",
                self.folder.display()
            ),
        }
    }

    /// Writes a detached signature to a new file.
    pub(crate) fn sign(&self, key: &str, file: &Path, signature: &Path) -> Result<()> {
        self.detach_sign(&format!("signing {} with gpg", file.display()), key, file, signature)
    }

    fn detach_sign(&self, doing: &str, key: &str, file: &Path, signature: &Path) -> Result<()> {
        let mut command = self.gpg();
        command.args(["--no-armor", "--digest-algo", "SHA512", "--local-user", key]);
        command.arg("--output").arg(signature).arg("--detach-sign").arg(file);
        self.with_agent(doing, &mut command).map(|_| ())
    }

    /// Signs a byte, so that a key that can't sign is known before gigabytes are compressed.
    ///
    /// # Errors
    /// When gpg can't sign with this key.
    pub(crate) fn try_out(&self, key: &str) -> Result<()> {
        let folder = temporary::folder()?;
        let (file, signature) = (folder.path().join("byte"), folder.path().join("byte.gpg"));
        fs::write(&file, "x").with_context(|| format!("writing {}", file.display()))?;
        let home = self.folder.display();
        let doing = format!(
            "trying to sign with the key {key} of {home} (gpg can't ask for a passphrase here; if the key has one, let \
             gpg-agent learn it first: gpg --homedir {home} --sign --output /dev/null /dev/null)"
        );
        self.detach_sign(&doing, key, &file, &signature).and_then(|()| self.verify(&file, &signature))
    }

    /// Checks that a signature is valid, by a key in this home. gpg's exit status is not enough: it
    /// is 0 for expired or revoked keys, too.
    ///
    /// # Errors
    /// When it is not valid. The error has gpg's message.
    pub(crate) fn verify(&self, file: &Path, signature: &Path) -> Result<()> {
        let mut command = self.gpg();
        command.args(["--trust-model=always", "--status-fd=1", "--verify"]).arg(signature).arg(file);
        let doing = format!("verifying {} with the keys in {}", signature.display(), self.folder.display());
        let status = tools::output(&doing, &mut command)?;
        if !is_good(&String::from_utf8_lossy(&status)) {
            bail!("{doing}: the key or the signature has expired, or was revoked");
        }
        Ok(())
    }

    fn gpg(&self) -> Command {
        let mut command = self.source.command("gpg");
        command.args(PLAIN).arg("--homedir").arg(&self.path);
        command
    }

    fn gpgconf(&self, arguments: &[&str]) -> Result<Vec<u8>> {
        let mut command = self.source.command("gpgconf");
        command.arg("--homedir").arg(&self.path).args(arguments);
        // Also after a signal: it cleans up.
        tools::output_always("asking gpgconf", &mut command)
    }

    /// Runs a command that needs secret keys. gpg starts an agent for it, which would stay. The
    /// agent is stopped at once, because the next such command may come minutes later, or never.
    fn with_agent(&self, doing: &str, command: &mut Command) -> Result<Vec<u8>> {
        let result = tools::output(doing, command);
        self.stop_agent();
        result
    }

    fn stop_agent(&self) {
        if self.agent_is_ours {
            // The agent ends by itself when its folder is removed.
            self.gpgconf(&["--kill", "all"]).ok();
        }
    }

    fn agent_runs(&self) -> bool {
        let Ok(socket) = self.gpgconf(&["--list-dirs", "agent-socket"]) else { return false };
        UnixStream::connect(String::from_utf8_lossy(&socket).trim()).is_ok()
    }
}

/// Returns a path that leaves room for the names of sockets. If it is a link, also returns the
/// folder of the link.
fn short(path: PathBuf) -> Result<(PathBuf, Option<TempDir>)> {
    if path.as_os_str().len() <= PATH_MAX {
        return Ok((path, None));
    }
    let folder = temporary::folder_in(Path::new("/tmp"))?;
    let link = folder.path().join("home");
    symlink(path, &link).with_context(|| format!("linking {}", link.display()))?;
    Ok((link, Some(folder)))
}

/// Returns fingerprints of usable keys from gpg's machine-readable list: a line for each key, of this
/// kind, followed by its `fpr` line.
pub(super) fn signing_keys(listing: &str, kind: &str) -> Vec<String> {
    let mut keys = Vec::new();
    let mut usable = false;
    for line in listing.lines() {
        let fields = line.split(':').collect::<Vec<_>>();
        match fields.as_slice() {
            // The second field is the validity. The twelfth has a capital S if the key as a whole
            // can sign.
            [found, validity, ..] if *found == kind => {
                let signs = fields.get(11).is_some_and(|can| can.contains('S'));
                usable = signs && !["d", "e", "i", "r"].contains(validity);
            }
            ["fpr", ..] if usable => {
                keys.extend(fields.get(9).map(|&fingerprint| fingerprint.to_owned()));
                usable = false;
            }
            _ => {}
        }
    }
    keys
}

/// Returns whether gpg found a valid signature by a usable key.
pub(super) fn is_good(status: &str) -> bool {
    status.lines().any(|line| line.starts_with("[GNUPG:] GOODSIG "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usable_keys_are_told_from_others() {
        let good =
            "sec:u:255:22:B528:1795400496:::u:::scSC:::+::ed25519:::0:\nfpr:::::::::AC0A:\ngrp:::::::::0B:\n";
        let expired =
            "sec:e:255:22:2533:1795400499:1795400501::u:::sc:::+::ed25519:::0:\nfpr:::::::::AD33:\n";
        let encrypting = "sec:u:255:18:11:1:::u:::eE:::+::cv25519:::0:\nfpr:::::::::AA:\n";
        let subkey = "ssb:u:255:18:22:1::::::e:::+::cv25519::\nfpr:::::::::BB:\n";
        assert_eq!(signing_keys(&format!("{good}{subkey}{expired}{encrypting}"), "sec"), ["AC0A"]);
        assert_eq!(signing_keys(&format!("{expired}{good}{good}"), "sec"), ["AC0A", "AC0A"]);
        assert!(signing_keys("", "sec").is_empty() && signing_keys(good, "pub").is_empty());
    }

    #[test]
    fn only_a_good_signature_is_good() {
        assert!(is_good("[GNUPG:] NEWSIG\n[GNUPG:] GOODSIG B528 demo\n[GNUPG:] VALIDSIG AC0A"));
        assert!(!is_good("[GNUPG:] EXPKEYSIG B528 demo\n[GNUPG:] VALIDSIG AC0A"));
        assert!(!is_good("[GNUPG:] REVKEYSIG B528 [GNUPG:] GOODSIG \n[GNUPG:] VALIDSIG AC0A"));
        assert!(!is_good(""));
    }

    #[test]
    fn long_paths_get_a_short_link() {
        let long = PathBuf::from(format!("/{}", "x".repeat(PATH_MAX)));
        let (path, link) = short(long.clone()).unwrap();
        assert!(path.as_os_str().len() <= PATH_MAX, "{}", path.display());
        assert_eq!(fs::read_link(&path).unwrap(), long);
        drop(link);
        assert!(fs::symlink_metadata(&path).is_err());
        assert_eq!(short("/demo-gpg".into()).unwrap().0, Path::new("/demo-gpg"));
    }
}

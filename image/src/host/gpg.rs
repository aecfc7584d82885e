//! Runs GnuPG on one home folder, and leaves no agent and no sockets there.

mod cause;
mod flaw;
pub(super) mod listing;

use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, anyhow, bail};
use tempfile::TempDir;

pub(crate) use flaw::Flaw;

use super::tools::{self, Need, Source, operand};
use super::tree::Tools;
use super::{durable, file, signals, temporary};

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
        let opening = || format!("opening the GnuPG home {}", folder.display());
        match fs::metadata(folder.join(SECRET_KEYS)) {
            Ok(keys) if keys.is_dir() => {}
            Err(error)
                if ![io::ErrorKind::NotFound, io::ErrorKind::NotADirectory].contains(&error.kind()) =>
            {
                return Err(error).with_context(opening);
            }
            _ if !folder.exists() => bail!("{}: it does not exist; {ITS_NAME}", opening()),
            _ if !folder.is_dir() => bail!("{}: it is a file, not a folder; {ITS_NAME}", opening()),
            _ => bail!(
                "{}: it has no folder {SECRET_KEYS}, so it has no key that can sign; {ITS_NAME}",
                opening()
            ),
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

    /// Writes the public key to a new file, or all of them.
    pub(crate) fn export(&self, to: &Path, key: Option<&str>) -> Result<()> {
        let mut command = self.gpg();
        command.arg("--output").arg(&*operand(to)).arg("--export").args(key);
        self.run("exporting the public key", &mut command).map(|_| ())
    }

    /// Returns the fingerprint of the only key that can sign.
    ///
    /// # Errors
    /// When no key can sign, or more than one.
    pub(crate) fn key(&self) -> Result<String> {
        let mut command = self.gpg();
        command.args(["--with-colons", "--list-secret-keys"]);
        let home = self.folder.display();
        let said = self.with_agent(&format!("listing the secret keys of {home}"), &mut command)?;
        let said = String::from_utf8_lossy(&said);
        match listing::signing_keys(&said, "sec").as_slice() {
            [key] => Ok(key.clone()),
            [] => bail!("{home} has no secret key that can sign: {}", cause::no_key(&said, &self.folder)),
            keys => bail!(
                "{home} has {} secret keys that can sign ({}): name a GnuPG home that has the key of this release only",
                keys.len(),
                keys.join(", ")
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
        command.arg("--output").arg(&*operand(signature)).arg("--detach-sign").arg(&*operand(file));
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
        let doing = format!("trying to sign with the key {key} of {}", self.folder.display());
        let signed = self.detach_sign(&doing, key, &file, &signature);
        signed.map_err(|error| self.explain_key(&doing, key, error))?;
        self.verify(&file, &signature)
    }

    /// Adds which file has the key's secret part, if gpg's words have no meaning that is known.
    fn explain_key(&self, doing: &str, key: &str, error: anyhow::Error) -> anyhow::Error {
        let said = format!("{error:#}");
        if cause::cause(&said, &self.folder).is_some() {
            return error;
        }
        let mut command = self.gpg();
        let listed = tools::output("listing", command.args(["--with-colons", "--list-secret-keys", key]));
        let name = listing::secret_file(&String::from_utf8_lossy(&listed.unwrap_or_default()), key);
        self.stop_agent();
        let file = self.folder.join(SECRET_KEYS).join(name.unwrap_or_default());
        match cause::of_key(&said, &file) {
            Some(cause) => anyhow!("{doing}: {cause}: {}", error.root_cause()),
            None => error,
        }
    }

    /// Checks that a signature is valid, by a key in this home. gpg's exit status is not enough: it
    /// is 0 for expired or revoked keys, too.
    ///
    /// # Errors
    /// When it is not valid. The error has gpg's message.
    pub(crate) fn verify(&self, file: &Path, signature: &Path) -> Result<()> {
        let mut command = self.gpg();
        command.args(["--trust-model=always", "--status-fd=1", "--verify"]);
        command.arg(&*operand(signature)).arg(&*operand(file));
        let doing = format!("verifying {} with the keys in {}", signature.display(), self.folder.display());
        [file, signature].into_iter().try_for_each(file::readable).context(doing.clone())?;
        let status = self.run(&doing, &mut command)?;
        if !is_good(&String::from_utf8_lossy(&status)) {
            bail!("{doing}: the key or the signature has expired, or was revoked");
        }
        Ok(())
    }

    fn gpg(&self) -> Command {
        let mut command = self.source.command("gpg");
        // What it says is read, too.
        command.env("LC_ALL", "C").args(PLAIN).arg("--homedir").arg(&self.path);
        command
    }

    fn gpgconf(&self, arguments: &[&str]) -> Result<Vec<u8>> {
        let mut command = self.source.command("gpgconf");
        command.arg("--homedir").arg(&self.path).args(arguments);
        // Also after a signal: it cleans up.
        tools::output_always("asking gpgconf", &mut command)
    }

    /// Runs gpg. The error says what stands in the way, and then what gpg said.
    fn run(&self, doing: &str, command: &mut Command) -> Result<Vec<u8>> {
        tools::output("gpg said", command).map_err(|error| {
            // What gpg says of a damaged signature is like what it says of a damaged home.
            if Flaw::of(&error).is_some() {
                return error.context(doing.to_owned());
            }
            let cause = cause::cause(&error.to_string(), &self.folder);
            error.context(cause.map_or_else(|| doing.to_owned(), |cause| format!("{doing}: {cause}")))
        })
    }

    /// Runs a command that needs secret keys. gpg starts an agent for it, which would stay. The
    /// agent is stopped at once, because the next such command may come minutes later, or never.
    fn with_agent(&self, doing: &str, command: &mut Command) -> Result<Vec<u8>> {
        let result = self.run(doing, command);
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

/// Returns whether gpg found a valid signature by a usable key.
pub(super) fn is_good(status: &str) -> bool {
    status.lines().any(|line| line.starts_with("[GNUPG:] GOODSIG "))
}

#[cfg(test)]
mod tests {
    use super::*;

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

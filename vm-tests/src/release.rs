//! Release directories for scenarios: valid ones, and ones that a device must refuse.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::scratch::Scratch;
use crate::setting;

/// The public key for releases that somebody else signed.
pub const OTHER_KEYRING: &str = "other-pubring.pgp";

/// A directory that an update server publishes, in a scenario's own folder.
#[derive(Debug)]
pub struct Release(Scratch);

impl Release {
    /// Copies the signed release that `make build/releases/NAME` made.
    #[must_use]
    pub fn copy(name: &str, scenario: &str) -> Self {
        let release = Self(Scratch::new(&format!("{scenario}-release")));
        release.replace(name);
        release
    }

    /// Replaces it with a copy of another release.
    pub fn replace(&self, name: &str) {
        let from = setting::releases().join(name);
        assert!(from.is_dir(), "{} is missing: `make build/releases/{name}` makes it", from.display());
        fs::remove_dir_all(self.path()).ok();
        fs::create_dir_all(setting::machines()).expect("making the folder of the tests");
        run(Command::new("cp").args(["-r", "--reflink=auto", "--"]).arg(from).arg(self.path()));
    }

    /// Returns the directory.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.0.path()
    }

    /// Renames each file whose name contains `from`.
    pub fn rename(&self, from: &str, to: &str) {
        for path in self.files() {
            let name = path.file_name().and_then(OsStr::to_str).unwrap_or_default();
            fs::rename(&path, self.path().join(name.replace(from, to)))
                .expect("renaming a file of a release");
        }
    }

    /// Changes one byte in the middle of the file whose name contains this word.
    pub fn damage(&self, word: &str) {
        let path = self.files().into_iter().find(|path| path.to_string_lossy().contains(word));
        let path = path.unwrap_or_else(|| panic!("no {word} in {}", self.path().display()));
        let mut bytes = fs::read(&path).expect("reading a file of a release");
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        fs::write(&path, bytes).expect("writing a file of a release");
    }

    /// Removes the signature.
    pub fn unsign(&self) {
        fs::remove_file(self.path().join("SHA256SUMS.gpg")).expect("removing a signature");
    }

    /// Makes list and signature again, with the demonstration's key.
    pub fn sign(&self) {
        self.sign_with(&setting::keyring(), &[]);
    }

    /// Does the same with a key that no image knows. Its keyring is then [`OTHER_KEYRING`] in the
    /// directory.
    pub fn sign_with_another_key(&self) {
        let home = self.path().with_extension("gpg");
        fs::remove_dir_all(&home).ok();
        run(Command::new("install").args(["-d", "-m", "700", "--"]).arg(&home));
        run(gpg(&home).args(["--passphrase", "", "--quick-gen-key", "other", "ed25519", "sign", "never"]));
        self.sign_with(&home, &[]);
        run(gpg(&home).arg("--output").arg(self.path().join(OTHER_KEYRING)).arg("--export"));
        // It would meet the next test of this name.
        run(Command::new("gpgconf").arg("--homedir").arg(&home).args(["--kill", "gpg-agent"]));
    }

    /// Does the same with the right key, and a signature that has expired after one second.
    pub fn sign_expired(&self) {
        self.sign_with(&setting::keyring(), &["--default-sig-expire", "seconds=1"]);
        std::thread::sleep(std::time::Duration::from_secs(2));
    }

    fn sign_with(&self, home: &Path, options: &[&str]) {
        let names = self.files();
        let names = names.iter().filter_map(|path| path.file_name()).filter(|name| !is_list(name));
        let sums = self.path().join("SHA256SUMS");
        let list = fs::File::create(&sums).expect("creating SHA256SUMS");
        run(Command::new("sha256sum").arg("--").args(names).current_dir(self.path()).stdout(list));
        let signature = sums.with_extension("gpg");
        run(gpg(home).args(options).arg("--output").arg(signature).arg("--detach-sign").arg(&sums));
    }

    fn files(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.path()).expect("reading a release");
        entries.map(|entry| entry.expect("reading a release").path()).collect()
    }
}

fn is_list(name: &OsStr) -> bool {
    name.to_string_lossy().starts_with("SHA256SUMS")
}

fn gpg(home: &Path) -> Command {
    let mut command = Command::new("gpg");
    command.arg("--homedir").arg(home).args(["--batch", "--yes", "--quiet"]);
    command
}

fn run(command: &mut Command) {
    let status = command.stdin(Stdio::null()).status();
    let status = status.unwrap_or_else(|error| panic!("starting {command:?}: {error}"));
    assert!(status.success(), "{command:?} ended with {status}");
}

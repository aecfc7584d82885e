//! Runs the original `age` on this host, as the owner of an escrow does.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A newly made pair of keys.
#[derive(Debug)]
pub struct AgeKey {
    folder: PathBuf,
    public: String,
}

impl AgeKey {
    /// Makes the keys with age-keygen, in a folder.
    #[must_use]
    pub fn make(folder: &Path) -> Self {
        let path = folder.join("age-key");
        fs::remove_file(&path).ok();
        let made = Command::new("age-keygen").arg("-o").arg(&path).output();
        let made = made.expect("starting age-keygen (Debian's package age)");
        assert!(made.status.success(), "age-keygen: {made:?}");
        let text = fs::read_to_string(path).expect("reading what age-keygen made");
        let public = text.lines().find_map(|line| line.strip_prefix("# public key: "));
        Self { folder: folder.to_owned(), public: public.expect("a public key").to_owned() }
    }

    /// Returns the value for `volume.escrow`.
    #[must_use]
    pub fn public(&self) -> &str {
        &self.public
    }

    /// Returns the content of an encrypted text.
    #[must_use]
    pub fn decrypt(&self, file: &str) -> String {
        fs::write(self.folder.join("escrow.age"), file).expect("writing the escrow");
        let words = ["--decrypt", "--identity", "age-key", "escrow.age"];
        let output =
            Command::new("age").args(words).current_dir(&self.folder).output().expect("starting age");
        assert!(output.status.success(), "age: {output:?}");
        String::from_utf8(output.stdout).expect("a text")
    }
}

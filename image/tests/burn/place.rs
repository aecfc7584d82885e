//! A folder with what `pattern build` would write, in small, and with disks in files.

use std::fs::{self, File};
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

use crate::image::image;

pub(crate) struct Place(TempDir);

impl Place {
    /// With the image `x_1/x_1.raw`.
    pub(crate) fn new() -> Self {
        let place = Self(tempfile::tempdir().unwrap());
        fs::create_dir(place.path("x_1")).unwrap();
        fs::write(place.path("x_1/x_1.raw"), image()).unwrap();
        let script = "sha256sum x_1.raw > SHA256SUMS";
        assert!(
            Command::new("sh")
                .args(["-c", script])
                .current_dir(place.path("x_1"))
                .status()
                .unwrap()
                .success()
        );
        place
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// A blank disk of this many MiB.
    pub(crate) fn disk(&self, name: &str, mib: u64) {
        File::create(self.path(name)).unwrap().set_len(mib << 20).unwrap();
    }

    pub(crate) fn content(&self, name: &str) -> Vec<u8> {
        fs::read(self.path(name)).unwrap()
    }

    /// Runs `pattern burn` with nobody at the terminal.
    pub(crate) fn burn(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_pattern"));
        command.arg("burn").args(arguments).current_dir(self.0.path()).stdin(Stdio::null());
        command.output().unwrap()
    }

    /// The same, which must succeed. Returns what is shown.
    pub(crate) fn burns(&self, arguments: &[&str]) -> String {
        let output = self.burn(arguments);
        let errors = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success(), "{arguments:?}: {errors}");
        assert!(output.stdout.is_empty(), "{arguments:?}: {output:?}", output = output.stdout);
        untimed(&errors)
    }

    /// The same, which must fail. Returns the last line, which says why.
    pub(crate) fn refuses(&self, arguments: &[&str]) -> String {
        why_not(&self.burn(arguments))
    }

    /// Has `pattern show` look at what is not an image. Returns the last line, which says why.
    pub(crate) fn is_not_shown(&self, image: &str) -> String {
        let mut command = Command::new(env!("CARGO_BIN_EXE_pattern"));
        why_not(&command.args(["show", image]).current_dir(self.0.path()).output().unwrap())
    }
}

fn why_not(output: &Output) -> String {
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{errors}");
    errors.lines().last().unwrap_or_default().to_owned()
}

/// Removes the seconds that each step took, as in `(3 s)`: how long it takes is not tested.
pub(crate) fn untimed(text: &str) -> String {
    let mut parts = text.split(" (");
    let mut left = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let digits = part.trim_start_matches(|letter: char| letter.is_ascii_digit());
        match digits.strip_prefix(" s)").filter(|_| digits.len() < part.len()) {
            Some(rest) => left.push_str(rest),
            None => left.push_str(&format!(" ({part}")),
        }
    }
    left
}

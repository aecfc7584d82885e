//! No command waits for a FIFO in the place of a file: nobody may ever write to it.

use std::path::PathBuf;
use std::process::Command;

/// A program that hangs is ended, with exit status 124.
const AT_MOST: &str = "60";

/// As age-keygen writes one.
const KEY: &str = "AGE-SECRET-KEY-1PRAJC8CMLRHJM5ZTWGWJ384NEGFEJXHY8VGKU70XWJZJAG3N89PSMV7ACL";

struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Self {
        let place = Self(tempfile::tempdir().unwrap());
        std::fs::create_dir_all(place.path("x_1")).unwrap();
        std::fs::create_dir_all(place.path("new")).unwrap();
        std::fs::write(place.path("x_1/x_1.raw"), "x").unwrap();
        std::fs::write(place.path("key"), KEY).unwrap();
        std::fs::File::create(place.path("vm.raw")).unwrap().set_len(64 << 20).unwrap();
        std::fs::write(place.path("binary"), [0xff, 0]).unwrap();
        std::os::unix::fs::symlink("none", place.path("dangling")).unwrap();
        for fifo in ["fifo", "x_1/SHA256SUMS", "new/README.md"] {
            assert!(Command::new("mkfifo").arg(place.path(fifo)).status().unwrap().success());
        }
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn said(&self, arguments: &[&str]) -> String {
        let mut command = Command::new("timeout");
        command.args([AT_MOST, env!("CARGO_BIN_EXE_pattern")]).args(arguments);
        let output = command.current_dir(self.0.path()).output().unwrap();
        let errors = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{arguments:?}: {errors}");
        errors.lines().last().unwrap_or_default().to_owned()
    }
}

#[test]
fn a_fifo_is_refused_wherever_a_file_is_named() {
    let place = Place::new();
    for (arguments, wanted) in [
        (&["burn", "fifo"][..], "image fifo: it is a FIFO, not a file"),
        (&["burn", "fifo", "vm.raw"], "image fifo: it is a FIFO, not a file"),
        (&["burn", "x_1", "vm.raw", "--erase", "vm.raw"], "reading x_1/SHA256SUMS: it is a FIFO, not a file"),
        (&["burn", "x_1/x_1.raw", "fifo"], "fifo is neither a disk nor a file"),
        (&["show", "fifo"], "fifo is a FIFO, not an image"),
        (&["run", "fifo"], "fifo is not a file: name the image that `pattern build` made"),
        (&["recovery", "decrypt", "fifo", "--identity", "key"], "reading fifo: it is a FIFO, not a file"),
        (
            &["recovery", "decrypt", "key", "--identity", "fifo"],
            "reading the secret key fifo: it is a FIFO, not a file",
        ),
        (&["init", "new"], "new/README.md exists already: choose another folder"),
        (
            &["init", "dangling"],
            "making dangling: dangling is a link to what does not exist: choose another name",
        ),
        (
            &["init", "dangling/x"],
            "making dangling/x: dangling is a link to what does not exist: choose another place",
        ),
        (
            &["init", "other", "--ssh-key", "binary"],
            "binary is not text: name a public key of OpenSSH, such as ",
        ),
        (&["init", "other", "--ssh-key", "fifo"], "reading fifo: it is a FIFO, not a file"),
        (&["sign-release", "x_1", "x-gpg"], "opening the GnuPG home x-gpg: it does not exist; name "),
    ] {
        let said = place.said(arguments);
        assert!(said.starts_with(&format!("pattern: {wanted}")), "{arguments:?}: {said}");
    }
}

//! A folder to run commands in, with what `pattern build` would write, in small.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use pattern_image::host::temporary;

/// The files of version 1 as `pattern build` names them.
pub(crate) const BUILT: [&str; 5] =
    ["x_1.efi", "x_1.raw", "x_1.spdx.json", "x_1_0a_9.usr.raw", "x_1_0b_9.verity.raw"];

/// What most tests sign has no hash tree, of which `sign-release` would warn.
fn without_deltas<'a>(arguments: &[&'a str]) -> Vec<&'a str> {
    match arguments.split_first() {
        Some((&"sign-release", rest)) if !rest.contains(&"--deltas") => {
            [&["sign-release", "--deltas", "0"], rest].concat()
        }
        _ => arguments.to_vec(),
    }
}

pub(crate) struct Place(tempfile::TempDir);

impl Place {
    pub(crate) fn new() -> Self {
        Self(temporary::folder().unwrap())
    }

    /// With a keyring `x`.
    pub(crate) fn with_keys() -> Self {
        let place = Self::new();
        place.succeeds(&["gen-keyring", "x"]);
        place
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// What `pattern build` wrote for `x` in this version, with content of its own.
    pub(crate) fn build(&self, version: &str) {
        self.build_with(version, "x-pubring.pgp");
    }

    /// The same with this keyring.
    pub(crate) fn build_with(&self, version: &str, pubring: &str) {
        let folder = self.path(&format!("x_{version}"));
        fs::create_dir_all(&folder).unwrap();
        for name in BUILT.map(|name| name.replace("x_1", &format!("x_{version}"))) {
            // Zeros, as a hash tree has, and longer than what systemd-pull looks at to find the compression.
            let content = [name.as_bytes(), &[0; 100_000], name.as_bytes()].concat();
            fs::write(folder.join(name), content).unwrap();
        }
        fs::copy(self.path(pubring), folder.join(format!("x_{version}.pubring.pgp"))).unwrap();
        self.sum(&format!("x_{version}"));
    }

    /// Writes `SHA256SUMS` over what is in a folder.
    pub(crate) fn sum(&self, folder: &str) {
        let script = "rm -f SHA256SUMS; sha256sum -- * >.sums && mv .sums SHA256SUMS";
        run(Command::new("sh").args(["-c", script]).current_dir(self.path(folder)));
    }

    /// Quiet, `pattern` prints only results, warnings and errors.
    fn pattern(&self, arguments: &[&str]) -> Output {
        // What waits for ever is ended.
        let mut command = Command::new("timeout");
        command.args(["300", env!("CARGO_BIN_EXE_pattern"), "--quiet"]).args(without_deltas(arguments));
        command.current_dir(self.0.path()).output().unwrap()
    }

    /// Runs `pattern`, which must succeed, and returns what it prints and what it tells.
    pub(crate) fn tells(&self, arguments: &[&str]) -> (String, String) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_pattern"));
        let output = command.args(without_deltas(arguments)).current_dir(self.0.path()).output().unwrap();
        let told = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success(), "{arguments:?}: {told}");
        (String::from_utf8(output.stdout).unwrap(), told)
    }

    /// Runs `pattern`, which must succeed with a warning, and returns the warning.
    pub(crate) fn warns(&self, arguments: &[&str]) -> String {
        let output = self.pattern(arguments);
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stderr).unwrap()
    }

    /// Runs `pattern`, and returns what it prints.
    pub(crate) fn succeeds(&self, arguments: &[&str]) -> String {
        let output = self.pattern(arguments);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments:?}: {errors}");
        assert_eq!(errors, "", "{arguments:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// Does the same after a command of the shell.
    pub(crate) fn succeeds_by(&self, before: &str, arguments: &[&str]) {
        let script = format!("{before}; exec \"$@\"");
        let mut command = Command::new("sh");
        command.args(["-c", &script, "sh", env!("CARGO_BIN_EXE_pattern")]).args(without_deltas(arguments));
        run(command.current_dir(self.0.path()));
    }

    /// Runs `pattern`, which must fail, and returns what it complains about.
    pub(crate) fn fails(&self, arguments: &[&str]) -> String {
        let output = self.pattern(arguments);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
        String::from_utf8(output.stderr).unwrap()
    }

    /// What `config check` finds in a folder whose keyring this is.
    pub(crate) fn check_config(&self, pubring: &str) -> String {
        let text = format!(
            "debug = true\n[image]\nid = \"x\"\nversion = \"1\"\n\
             updates = {{ url = \"https://example.org/x\", pubring = \"{pubring}\" }}\n\
             [partitions]\nsizes = {{ esp = \"200M\", verity = \"64M\", usr = \"2G\" }}\n"
        );
        fs::write(self.path("pattern.toml"), text).unwrap();
        fs::write(self.path("mkosi.conf"), "[Content]\nPackages=linux-image-amd64\n").unwrap();
        let output = self.pattern(&["config", "check", "pattern.toml"]);
        let found = String::from_utf8(output.stdout).unwrap();
        assert_eq!(output.status.success(), found.is_empty(), "{found}");
        found
    }

    /// `sign-release` of version 1 with key x, into `release`.
    pub(crate) fn sign(&self) -> String {
        self.succeeds(&["sign-release", "x_1", "x-gpg", "--output", "release"])
    }

    /// The same, which must fail.
    pub(crate) fn sign_fails(&self) -> String {
        self.fails(&["sign-release", "x_1", "x-gpg", "--output", "release"])
    }

    /// What gpg says of a release's signature when it is started as systemd-pull starts it.
    pub(crate) fn verify(&self, release: &str, pubring: &str) -> Output {
        let home = temporary::folder().unwrap();
        let mut command = Command::new("gpg");
        command.args(["--no-options", "--no-default-keyring", "--no-auto-key-locate"]);
        command.args(["--no-auto-check-trustdb", "--batch", "--trust-model=always"]);
        command.arg("--homedir").arg(home.path()).arg("--keyring").arg(self.path(pubring));
        command.args(["--verify", "SHA256SUMS.gpg", "-"]).current_dir(self.path(release));
        let manifest = fs::File::open(self.path(release).join("SHA256SUMS")).unwrap();
        command.stdin(manifest).output().unwrap()
    }

    /// A release is whole: signed by x, with exactly the files that it names, and nothing hidden.
    pub(crate) fn check(&self, release: &str) {
        let said = self.verify(release, "x-pubring.pgp");
        assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
        let folder = self.path(release);
        run(Command::new("sha256sum").args(["--check", "--quiet", "SHA256SUMS"]).current_dir(&folder));
        let sums = fs::read_to_string(folder.join("SHA256SUMS")).unwrap();
        let mut named = sums.lines().map(|line| line[66..].to_owned()).collect::<Vec<_>>();
        named.extend(["SHA256SUMS".to_owned(), "SHA256SUMS.gpg".to_owned()]);
        named.sort();
        assert_eq!(names(&folder), named);
    }
}

fn run(command: &mut Command) {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// The names in a folder, hidden ones included.
pub(crate) fn names(folder: &Path) -> Vec<String> {
    let name = |entry: std::io::Result<fs::DirEntry>| entry.unwrap().file_name().into_string().unwrap();
    let mut names = fs::read_dir(folder).unwrap().map(name).collect::<Vec<_>>();
    names.sort();
    names
}

pub(crate) fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

//! A folder with an image's configuration, to run `pattern addon` in.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;

/// Seconds since 1970, and the same as a signature has them.
pub(crate) const DATE: (&str, &str) = ("1764000000", "251124160000Z");

pub(crate) struct Place(TempDir);

impl Place {
    /// With an image `x` for use.
    pub(crate) fn new() -> Self {
        Self::of(false)
    }

    pub(crate) fn of(debug: bool) -> Self {
        let place = Self(tempfile::tempdir().unwrap());
        ["x", "temporary"].iter().for_each(|folder| fs::create_dir(place.path(folder)).unwrap());
        let text = format!(
            "debug = {debug}\n[image]\nid = \"x\"\nversion = \"1\"\n\
             updates = {{ url = \"https://example.org/x\", pubring = \"x-pubring.pgp\" }}\n\
             [partitions]\nsizes = {{ esp = \"200M\", verity = \"64M\", usr = \"2G\" }}\n\
             [boot]\nadd_on_words = [\"console=*\", \"quiet\"]\n"
        );
        fs::write(place.path("x/pattern.toml"), text).unwrap();
        place
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn pattern(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_pattern"));
        command.args(arguments).current_dir(self.0.path());
        command.env("TMPDIR", self.path("temporary")).env("SOURCE_DATE_EPOCH", DATE.0);
        command
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        self.pattern(arguments).output().unwrap()
    }

    /// Runs `pattern`, which must succeed, and returns what it prints and what it tells.
    pub(crate) fn tells(&self, arguments: &[&str]) -> (String, String) {
        let output = self.run(arguments);
        let told = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success(), "{arguments:?}: {told}");
        (String::from_utf8(output.stdout).unwrap(), told)
    }

    /// Runs `pattern`, which must fail, and returns what it complains about. Nothing is left of what it began.
    pub(crate) fn fails(&self, arguments: &[&str]) -> String {
        let before = self.names();
        let output = self.run(arguments);
        let told = String::from_utf8(output.stderr).unwrap();
        assert_eq!((output.status.code(), &*output.stdout), (Some(1), &b""[..]), "{arguments:?}: {told}");
        assert_eq!(self.names(), before);
        told
    }

    /// What lies in the folder, and what is temporary.
    pub(crate) fn names(&self) -> Vec<String> {
        let entries = ["", "temporary"].iter().flat_map(|name| fs::read_dir(self.path(name)).unwrap());
        let mut names: Vec<_> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

/// The tools tree, if `pattern build` has made one that has what add-ons are made from. `make vm` says that it has.
pub(crate) fn tools() -> Option<String> {
    let must_be_there = env::var_os("PATTERN_TOOLS").is_some();
    let tools = Path::new(env!("CARGO_MANIFEST_DIR")).join("../build/tools");
    let is_there = tools.join("tree/usr/lib/systemd/boot/efi/addonx64.efi.stub").exists();
    assert!(is_there || !must_be_there, "{} has nothing to make add-ons from", tools.display());
    if !is_there {
        println!("skipped: build/tools has nothing to make add-ons from; `make image` makes the tree anew");
    }
    is_there.then(|| tools.display().to_string())
}

/// Runs a program of the tools tree.
pub(crate) fn by(tools: &str, words: &[&str]) -> Output {
    let root = fs::metadata("/proc/self").is_ok_and(|own| std::os::unix::fs::MetadataExt::uid(&own) == 0);
    let mut command = Command::new("unshare");
    command.arg("--mount").args((!root).then_some("--map-root-user"));
    command.args(["sh", "-c", "mount --bind \"$0/tree/usr\" /usr && exec \"$@\"", tools]);
    command.args(words).output().unwrap()
}

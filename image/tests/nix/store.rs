//! A folder in the place of a Nix store, with files that stand for packages.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use super::{text, top};

pub(super) struct Store(tempfile::TempDir);

impl Store {
    pub(super) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(super) fn folder(&self) -> &Path {
        self.0.path()
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder().join(name)
    }

    /// Where a path of the store is here.
    pub(super) fn here(&self, path: &str) -> PathBuf {
        self.path(path.strip_prefix('/').unwrap())
    }

    /// Runs a script of a derivation on this store.
    pub(super) fn script(&self, script: &str, at: &Path, out: &Path) {
        let store = self.here("/nix/store");
        let script = script.replace("/nix/store", store.to_str().unwrap());
        let path = format!("{}:{}", self.path("bin").display(), std::env::var("PATH").unwrap());
        let mut command = Command::new("bash");
        command.args(["-euc", &script]).current_dir(at).env("out", out).env("PATH", path);
        let output = command.output().unwrap();
        assert!(output.status.success(), "{script}: {}", String::from_utf8_lossy(&output.stderr));
    }

    /// Lays our package out by its own script, with this program.
    pub(super) fn package(&self, evaluation: &Value, program: &[u8]) {
        let package = self.here(text(&evaluation["package"], "name"));
        write(&package.join("bin/pattern-initrd"), program);
        self.script(text(&evaluation["scripts"], "package"), &top(), &package);
    }
}

/// Writes a file, and makes the folders above it.
pub(super) fn write(file: &Path, contents: &[u8]) {
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    fs::write(file, contents).unwrap();
}

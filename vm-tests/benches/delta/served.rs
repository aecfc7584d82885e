//! `pattern serve`, whose log says what was asked for.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use pattern_vm_tests::fetcher;

/// The server, until this is dropped.
pub struct Served {
    child: Child,
    url: String,
    release: PathBuf,
    place: tempfile::TempDir,
    read: std::cell::Cell<usize>,
}

/// A request that was answered with a file, or a part of it.
#[derive(Clone, Debug)]
pub struct Asked {
    pub path: String,
    pub bytes: u64,
}

impl Served {
    pub fn start(release: &Path) -> Self {
        let place = tempfile::tempdir().unwrap();
        let log = File::create(place.path().join("log")).unwrap();
        let mut child = Command::new(fetcher::installed("pattern"))
            .arg("serve")
            .arg(release)
            .args(["--address", "127.0.0.1:0"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .unwrap();
        let mut url = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut url).unwrap();
        let url = url.trim_end().to_owned();
        Self { child, url, release: release.to_owned(), place, read: 0.into() }
    }

    pub fn url(&self) -> &str {
        &self.url
    }

    /// What a stock machine fetches, in bytes: `/usr` and its hash tree, both as they are published, and the kernel image.
    pub fn whole(&self, base: &str) -> u64 {
        let names = fs::read_dir(&self.release).unwrap().map(|entry| entry.unwrap());
        let is_part = |name: &str| {
            name.starts_with(&format!("{base}_"))
                && [".usr.raw", ".verity.raw"].iter().any(|part| name.contains(part))
        };
        let files = names.filter(|entry| {
            let name = entry.file_name().into_string().unwrap();
            is_part(&name) || name == format!("{base}.efi")
        });
        files.map(|entry| entry.metadata().unwrap().len()).sum()
    }

    /// Returns what was asked for since the last call.
    pub fn asked(&self) -> Vec<Asked> {
        let log = fs::read_to_string(self.place.path().join("log")).unwrap();
        let new = log[self.read.replace(log.len())..].lines();
        new.filter_map(|line| line.strip_prefix("GET ")).map(|line| self.one(line)).collect()
    }

    /// `/NAME: 206 Partial Content, bytes 2-3`
    fn one(&self, line: &str) -> Asked {
        let (path, status) = line.split_once(": ").unwrap();
        let bytes = match status.split_once(", bytes ").and_then(|(_, range)| range.split_once('-')) {
            Some((first, last)) => last.parse::<u64>().unwrap() + 1 - first.parse::<u64>().unwrap(),
            None if status == "200 OK" => {
                fs::metadata(self.release.join(path.trim_start_matches('/'))).unwrap().len()
            }
            None => panic!("pattern-fetch was refused: {line}"),
        };
        Asked { path: path.to_owned(), bytes }
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

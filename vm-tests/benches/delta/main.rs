//! What updates between successive versions of a release cost: bytes, requests, CPU and memory of pattern-fetch, which asks `pattern
//! serve` on the loopback. `make bench-delta` writes the tables of docs/delta.md with what this prints.
//!
//! Its arguments are the folder of the release, and a folder with what `pattern build` wrote of each version. Each update is measured by
//! a process of its own, whose only child is pattern-fetch: this program with `measure` before its arguments.

mod how;
mod measured;
mod others;
mod served;
mod table;

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use how::How;
use measured::Measured;
use pattern_vm_tests::Version;
use served::Served;

/// A version, and its folder.
pub struct Built {
    folder: PathBuf,
    files: Version,
}

impl Built {
    fn find(folder: &str) -> Self {
        let folder = PathBuf::from(folder);
        let base = folder.file_name().unwrap().to_str().unwrap().to_owned();
        Self { files: Version::find(&folder, &base), folder }
    }
}

fn main() {
    // Cargo adds `--bench` behind.
    let words: Vec<String> = env::args().skip(1).filter(|word| word != "--bench").collect();
    match words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["measure", how, url, old, new] => {
            measured::print(how.parse().unwrap(), url, Built::find(old), Built::find(new));
        }
        [release, ref versions @ ..] if versions.len() > 1 => all(Path::new(release), versions),
        // A bare `cargo bench` has no release.
        _ => println!("`make bench-delta` builds the versions that this compares"),
    }
}

/// Compares each version with the one before it.
fn all(release: &Path, versions: &[&str]) {
    let server = Served::start(release);
    let versions: Vec<Built> = versions.iter().map(|folder| Built::find(folder)).collect();
    let rows = versions.windows(2).map(|pair| {
        let [old, new] = pair else { unreachable!("windows of two") };
        let ways = How::ALL.map(|how| measure(how, &server, old, new));
        table::row(&server, &old.files, &new.files, &ways, &others::of(&old.files, &new.files))
    });
    println!("{}{}", table::HEAD, rows.collect::<String>().trim_end());
}

/// Measures an update in a process of its own.
fn measure(how: How, server: &Served, old: &Built, new: &Built) -> Measured {
    let program = env::current_exe().unwrap();
    let _earlier = server.asked();
    let output = Command::new(program)
        .args(["measure", how.name(), server.url()])
        .args([&old.folder, &new.folder])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Measured::of(&String::from_utf8(output.stdout).unwrap(), &server.asked())
}

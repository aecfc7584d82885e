//! What updates between successive versions of a release cost: bytes, requests, CPU and memory. `make bench-delta` writes the tables of
//! docs/delta.md with what this prints.
//!
//! Its arguments are the folder of the release, and a folder with the unpacked `/usr` of each version. An update is decoded by a process
//! of its own, as a machine would: this program with `decode` before its arguments.

mod decode;
mod fetched;
mod files;
mod how;
mod others;
mod table;

use std::env;
use std::path::Path;
use std::process::Command;

use fetched::Fetched;
use files::Version;
use how::How;

fn main() {
    // Cargo adds `--bench` behind.
    let words: Vec<String> = env::args().skip(1).filter(|word| word != "--bench").collect();
    match words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["decode", how, release, old, new] => decode::print(how.parse().unwrap(), release, old, new),
        [release, ref versions @ ..] if versions.len() > 1 => all(Path::new(release), versions),
        // A bare `cargo bench` has no release.
        _ => println!("`make bench-delta` builds the versions that this compares"),
    }
}

/// Compares each version with the one before it. A version is the folder that `pattern build` wrote.
fn all(release: &Path, versions: &[&str]) {
    let versions: Vec<Version> =
        versions.iter().map(|folder| Version::find(release, Path::new(folder))).collect();
    let rows = versions.windows(2).map(|pair| {
        let [old, new] = pair else { unreachable!("windows of two") };
        let ways = [How::Blocks, How::Patch]
            .map(|how| (Fetched::of(how, old, new), decoded(how, release, old, new)));
        table::row(old, new, &ways, &others::of(old, new))
    });
    println!("{}{}", table::HEAD, rows.collect::<String>().trim_end());
}

/// Runs a decode in a process of its own. Returns its seconds of CPU and its peak of memory in bytes.
fn decoded(how: How, release: &Path, old: &Version, new: &Version) -> (f64, u64) {
    let program = env::current_exe().unwrap();
    let output = Command::new(program)
        .args(["decode", how.name()])
        .args([release, &old.folder, &new.folder])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    let (seconds, bytes) = text.trim().split_once(' ').unwrap();
    (seconds.parse().unwrap(), bytes.parse().unwrap())
}

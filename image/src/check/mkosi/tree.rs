//! The files that mkosi copies into an image.

use std::fs;
use std::path::{Path, PathBuf};

use super::Placed;
use super::look::{entries, text};

/// Most files that are looked at.
const MOST: usize = 100_000;
/// Where services are configured.
const TEXTS: [&str; 3] = ["etc/", "usr/lib/", "usr/share/factory/etc/"];

/// Returns the tree that a setting names as `SOURCE` or `SOURCE:TARGET`.
pub(super) fn source(value: &str, base: &Path) -> PathBuf {
    base.join(value.split_once(':').map_or(value, |(source, _)| source))
}

/// Returns the files of a tree that a setting names as `SOURCE` or `SOURCE:TARGET`, or `None` if
/// they can't be seen.
pub(super) fn of_setting(value: &str, base: &Path) -> Option<Vec<Placed>> {
    let target = value.split_once(':').map(|(_, target)| target);
    files(&source(value, base), target)
}

/// Returns the files of a tree. Without a target, a file is an archive.
pub(super) fn files(source: &Path, target: Option<&str>) -> Option<Vec<Placed>> {
    let place = target.unwrap_or_default().trim_matches('/');
    let found = fs::metadata(source).ok()?;
    let mut files = Vec::new();
    if found.is_dir() {
        below(source, place, &mut files);
    } else if found.is_file() && target.is_some() {
        files.push(placed(source, place.to_owned()));
    } else {
        return None;
    }
    (files.len() < MOST).then_some(files)
}

/// Links are not followed: on the machine they lead elsewhere.
fn below(folder: &Path, place: &str, files: &mut Vec<Placed>) {
    for entry in entries(folder) {
        let name = entry.file_name().unwrap_or_default().to_string_lossy();
        let path = if place.is_empty() { name.into_owned() } else { format!("{place}/{name}") };
        if files.len() >= MOST {
            return;
        }
        if fs::symlink_metadata(&entry).is_ok_and(|found| found.is_dir()) {
            below(&entry, &path, files);
        } else {
            files.push(placed(&entry, path));
        }
    }
}

fn placed(file: &Path, path: String) -> Placed {
    let is_read = TEXTS.iter().any(|folder| path.starts_with(folder));
    let text = if is_read { text(file).unwrap_or_default() } else { String::new() };
    Placed { from: file.to_owned(), path, text }
}

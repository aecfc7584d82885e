//! The manual pages: everything that a machine starts has one, and what a terminal shows of it can be searched.

mod names;
mod rendered;

use std::fs;
use std::path::{Path, PathBuf};

fn top() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Each page: its name with the section, such as `pattern-usr.service.8`, and its text.
fn pages() -> Vec<(String, String)> {
    let files = fs::read_dir(top().join("docs/man")).unwrap().map(|entry| entry.unwrap().path());
    let sources: Vec<PathBuf> = files.filter(|path| path.extension() == Some("md".as_ref())).collect();
    assert!(sources.len() > 15, "{sources:?}");
    let page = |path: &PathBuf| {
        (path.file_stem().unwrap().to_str().unwrap().to_owned(), fs::read_to_string(path).unwrap())
    };
    sources.iter().map(page).collect()
}

/// What a page says below NAME that it describes.
fn described(page: &str) -> Vec<String> {
    let (_, paragraph) = page.split_once("\n# NAME\n\n").unwrap();
    let (names, _) = paragraph.split_once(" - ").unwrap();
    names.split(',').map(|name| name.trim().to_owned()).collect()
}

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

/// pandoc ends a definition at a paragraph that is indented by less than four blanks.
#[test]
fn a_paragraph_belongs_to_its_definition_or_is_not_indented() {
    for (page, text) in pages() {
        for paragraph in text.split("\n\n") {
            let blanks = paragraph.len() - paragraph.trim_start_matches(' ').len();
            assert!(![1, 2, 3].contains(&blanks), "{page}: {paragraph}");
        }
    }
}

/// A version was made on one day.
#[test]
fn the_debian_package_has_the_date_of_the_changes() {
    let read = |file: &str| fs::read_to_string(top().join(file)).unwrap();
    let (changes, package) = (read("CHANGELOG.md"), read("debian/changelog"));
    let version = package.split_once(" (").unwrap().1.split_once(')').unwrap().0;
    let date = changes.lines().find_map(|line| line.strip_prefix(&format!("## {version} - "))).unwrap();
    let words: Vec<_> = package.lines().find(|line| line.starts_with(" -- ")).unwrap().split(' ').collect();
    let [.., day, month, year, _, _] = words.as_slice() else { panic!("{words:?}") };
    let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let month = 1 + months.iter().position(|name| name == month).unwrap();
    assert_eq!(format!("{year}-{month:02}-{day}"), date);
}

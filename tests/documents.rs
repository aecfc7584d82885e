//! The documents name files that exist: a reader finds what a promise rests on.

use std::fs;
use std::path::{Path, PathBuf};

/// Folders that paths in documents begin with.
const FOLDERS: [&str; 12] = [
    "demo",
    "docs",
    "fuzz",
    "generators",
    "image",
    "initrd",
    "nix",
    "src",
    "static",
    "tests",
    "units",
    "vm-tests",
];

fn top() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The Markdown files of the repository, but for what is built or fetched.
fn documents(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let shipped = |path: &PathBuf| {
        let name = path.file_name().unwrap().to_str().unwrap();
        !name.starts_with('.') && !["build", "target"].contains(&name)
    };
    let (folders, files): (Vec<_>, Vec<_>) = entries.filter(shipped).partition(|path| path.is_dir());
    let ours = files.into_iter().filter(|path| path.extension() == Some("md".as_ref()));
    ours.chain(folders.iter().flat_map(|folder| documents(folder))).collect()
}

/// The paths that a document names between backquotes.
fn named(text: &str) -> impl Iterator<Item = &str> {
    let quoted = text.split('`').skip(1).step_by(2);
    quoted.filter(|word| {
        let plain = word.chars().all(|c| c.is_ascii_alphanumeric() || "_-./".contains(c));
        let first = word.split_once('/').map(|(first, _)| first);
        // Upper case stands for a name to be chosen.
        let chosen = word
            .split(['/', '.'])
            .any(|part| part.len() > 2 && !part.contains(|c: char| !c.is_ascii_uppercase()));
        plain && !chosen && first.is_some_and(|first| FOLDERS.contains(&first))
    })
}

/// Some name a Rust module: a file without its extension.
fn exists(path: &str) -> bool {
    let path = top().join(path.trim_end_matches('/'));
    path.exists() || path.with_extension("rs").exists()
}

#[test]
fn each_file_that_a_document_names_exists() {
    let documents = documents(top());
    assert!(documents.len() > 25, "{documents:?}");
    let mut count = 0;
    for document in documents {
        let text = fs::read_to_string(&document).unwrap();
        for path in named(&text) {
            assert!(exists(path), "{} names {path}", document.display());
            count += 1;
        }
    }
    assert!(count > 60, "{count} paths");
}

/// The anchor that a forge gives a heading.
fn anchor(heading: &str) -> String {
    let kept = heading.trim().to_lowercase();
    let kept = kept.chars().filter(|c| c.is_alphanumeric() || "_- ".contains(*c));
    kept.map(|c| if c == ' ' { '-' } else { c }).collect()
}

/// The links of a document to files, each with its anchor.
fn links(text: &str) -> impl Iterator<Item = (&str, &str)> {
    let targets = text.split("](").skip(1).filter_map(|rest| rest.split_once(')')).map(|(target, _)| target);
    let within = targets.filter(|target| !target.contains("://") && !target.contains([' ', '\n']));
    within.map(|target| target.split_once('#').unwrap_or((target, "")))
}

#[test]
fn each_link_of_a_document_leads_to_a_file_and_a_heading() {
    let mut count = 0;
    for document in documents(top()) {
        let text = fs::read_to_string(&document).unwrap();
        for (path, wanted) in links(&text) {
            let target =
                if path.is_empty() { document.clone() } else { document.parent().unwrap().join(path) };
            assert!(target.exists(), "{} leads to {path}", document.display());
            let headings = (!wanted.is_empty()).then(|| fs::read_to_string(&target).unwrap());
            let found = headings.is_none_or(|text| {
                text.lines()
                    .filter(|line| line.starts_with('#'))
                    .any(|line| anchor(line.trim_start_matches('#')) == wanted)
            });
            assert!(found, "{} leads to {path}#{wanted}", document.display());
            count += 1;
        }
    }
    assert!(count > 150, "{count} links");
}

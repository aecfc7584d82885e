//! The manual: its table of keys is the program's, and the pages that units point to are there.

use std::fs;
use std::path::{Path, PathBuf};

use pattern::config::{Absent, KEYS, Key};

fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

fn default(key: &Key) -> String {
    match key.absent {
        Absent::Wrong => "required".to_owned(),
        Absent::Default(value) => format!("`{value}`"),
        Absent::Unset => "not set".to_owned(),
    }
}

/// The rows of a page's tables that begin with a key.
fn rows(page: &str) -> String {
    let text = fs::read_to_string(path(page)).unwrap();
    let rows: Vec<_> = text.lines().filter(|line| line.starts_with("| `")).collect();
    rows.join("\n")
}

#[test]
fn the_tables_in_manual_and_readme_are_the_list_of_keys() {
    let expected = |row: &dyn Fn(&Key) -> String| KEYS.iter().map(row).collect::<Vec<_>>().join("\n");
    let long =
        |key: &Key| format!("| `{}` | {} | {} | {} |", key.path, key.kind.words(), default(key), key.help);
    assert_eq!(rows("docs/man/pattern.toml.5.md"), expected(&long));
    let short = |key: &Key| format!("| `{}` | {} | {} |", key.path, default(key), key.help);
    assert_eq!(rows("README.md"), expected(&short));
}

#[test]
fn every_page_that_a_unit_names_is_written() {
    let mut named = 0;
    for unit in fs::read_dir(path("units")).unwrap() {
        let unit = unit.unwrap().path();
        let text = fs::read_to_string(&unit).unwrap();
        let pages = text.lines().filter_map(|line| line.strip_prefix("Documentation=man:"));
        for page in pages {
            let file = format!("docs/man/{}.md", page.replace('(', ".").replace(')', ""));
            assert!(path(&file).is_file(), "{}: no {file}", unit.display());
            named += 1;
        }
    }
    assert!(named > 0, "no unit names a page");
}

//! The manual: its table of keys is the program's, and the pages that units point to are there.

use std::fs;
use std::path::{Path, PathBuf};

use pattern::config::{Absent, KEYS, Key};

fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

fn row(key: &Key) -> String {
    let default = match key.absent {
        Absent::Wrong => "required".to_owned(),
        Absent::Default(value) => format!("`{value}`"),
        Absent::Unset => "not set".to_owned(),
    };
    format!("| `{}` | {} | {default} | {} |", key.path, key.kind.words(), key.help)
}

#[test]
fn the_table_in_the_manual_is_the_list_of_keys() {
    let page = fs::read_to_string(path("docs/man/pattern.toml.5.md")).unwrap();
    let rows: Vec<_> = page.lines().filter(|line| line.starts_with("| `")).collect();
    let expected: Vec<_> = KEYS.iter().map(row).collect();
    assert_eq!(rows.join("\n"), expected.join("\n"));
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

//! What `make man` makes, as a terminal of 80 columns shows it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use pattern::config::KEYS;

use super::{described, pages, top};

/// A folder that goes when the test ends.
struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).ok();
    }
}

fn render(test: &str) -> Folder {
    let folder = Folder(Path::new(env!("CARGO_TARGET_TMPDIR")).join(test));
    let status = Command::new(top().join("docs/man/render")).arg(&folder.0).status().unwrap();
    assert!(status.success());
    folder
}

/// A page as man(1) shows it, and what groff complains of.
fn shown(folder: &Folder, page: &str) -> (String, String) {
    let mut groff = Command::new("groff");
    groff.args(["-t", "-man", "-Tutf8", "-P-c", "-P-b", "-P-u", "-ww", "-rLL=78n"]).arg(page);
    let output = groff.current_dir(&folder.0).output().unwrap();
    assert!(output.status.success(), "{page}");
    (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap())
}

/// The names that a page's tables begin with: `partitions.persist.etc`. A message has several words.
fn names(page: &str) -> impl Iterator<Item = &str> {
    let cells = page.lines().filter_map(|line| line.strip_prefix("| `")?.split_once('`'));
    cells.map(|(name, _)| name).filter(|name| !name.contains(' '))
}

#[test]
#[ignore = "needs pandoc groff-base; `make test` runs it"]
fn groff_has_nothing_to_complain_of_and_no_name_is_divided() {
    let folder = render("divided");
    let (version, mut count) = (env!("CARGO_PKG_VERSION"), 0);
    for (page, text) in pages() {
        let (shown, complaints) = shown(&folder, &page);
        assert_eq!(complaints, "", "{page}");
        let foot = shown.trim_end().lines().last().unwrap();
        assert!(
            foot.starts_with(&format!("pattern {version}   ")) && foot.contains("  20"),
            "{page}: {foot}"
        );
        // What is typed, such as two hyphens, is shown as it is typed.
        assert!(
            !shown.contains(['\u{2010}', '\u{2013}', '\u{2014}', '\u{201c}', '\u{2019}']),
            "{page}:\n{shown}"
        );
        for name in names(&text) {
            assert!(shown.lines().any(|line| line.contains(name)), "{page}: {name} is divided:\n{shown}");
            count += 1;
        }
    }
    assert!(count > KEYS.len() + 10, "{count} names in tables");
}

#[test]
#[ignore = "needs pandoc groff-base; `make test` runs it"]
fn each_key_begins_a_line() {
    let folder = render("keys");
    let (shown, _) = shown(&folder, "pattern.toml.5");
    for key in KEYS {
        let begins = |line: &str| line.split_whitespace().next() == Some(key.path);
        assert!(shown.lines().any(begins), "{}:\n{shown}", key.path);
    }
}

#[test]
#[ignore = "needs pandoc groff-base; `make test` runs it"]
fn each_name_leads_to_its_page() {
    let folder = render("names");
    for (page, text) in pages() {
        let section = page.rsplit('.').next().unwrap();
        for name in described(&text).iter().map(|name| format!("{name}.{section}")) {
            let file = fs::read_to_string(folder.0.join(&name)).unwrap_or_else(|_| panic!("no page {name}"));
            let has_its_own = top().join(format!("docs/man/{name}.md")).exists();
            let leads = file == format!(".so man{section}/{page}\n");
            assert_eq!(leads, !has_its_own, "{name}: {file}");
        }
    }
}

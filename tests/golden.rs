//! Golden transcripts: what the generator decides for an input, as initrd and as host.
//!
//! Each folder of `tests/golden` holds a `cmdline`, a `pattern.toml` (or none), and the two transcripts.
//! `PATTERN_BLESS=1 cargo test` writes them anew; read the difference before you commit it.

use std::fs;
use std::path::{Path, PathBuf};

use pattern::plan::{Outcome, decide};
use pattern::program::Manager;

#[test]
fn every_transcript_is_as_written_down() {
    let cases = cases();
    assert!(cases.len() >= 10, "tests/golden has lost its cases: {cases:?}");
    let wrong: Vec<String> = cases
        .iter()
        .flat_map(|dir| [wrong(dir, Manager::Initrd), wrong(dir, Manager::Host)])
        .flatten()
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn cases() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let mut cases: Vec<PathBuf> = fs::read_dir(root).unwrap().map(|entry| entry.unwrap().path()).collect();
    cases.sort();
    cases
}

/// The difference between what is decided and what is written down, both texts in full.
fn wrong(dir: &Path, manager: Manager) -> Option<String> {
    let name = if manager == Manager::Initrd { "initrd" } else { "host" };
    let file = dir.join(format!("{name}.expected"));
    let actual = transcript(dir, manager);
    if std::env::var_os("PATTERN_BLESS").is_some() {
        fs::write(&file, &actual).unwrap();
    }
    let expected = fs::read_to_string(&file).unwrap_or_default();
    (actual != expected)
        .then(|| format!("{}\n--- expected\n{expected}\n--- actual\n{actual}", file.display()))
}

fn transcript(dir: &Path, manager: Manager) -> String {
    let cmdline = fs::read_to_string(dir.join("cmdline")).unwrap();
    let toml = fs::read_to_string(dir.join("pattern.toml"));
    let toml = toml.as_deref().map_err(|_| "reading /usr/lib/pattern/pattern.toml: not found".to_owned());
    let Outcome { plan, problems } = decide(toml, &cmdline, manager);
    let problems: String = problems.iter().map(|line| format!("! {line}\n")).collect();
    format!("{problems}{plan}")
}

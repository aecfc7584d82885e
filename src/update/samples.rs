//! Versions on a machine, for tests.

use super::Installed;
use super::entry::Entry;
use super::setting::Settings;

/// Returns the entries of these file names.
pub(crate) fn entries(names: &[&str]) -> Vec<Entry> {
    names.iter().map(|name| Entry::parse("demo", name).unwrap()).collect()
}

/// Returns a machine that runs a version in a boot that is not counted.
pub(crate) fn installed(running: &str, names: &[&str], settings: Settings) -> Installed {
    let (id, running) = ("demo".to_owned(), running.to_owned());
    Installed { id, running, counted: false, entries: entries(names), settings }
}

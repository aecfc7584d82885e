//! Decides which other version to start when the `/usr` of a version that was found to be good can't
//! be opened any more.

use super::entry::{Entry, newest};
use crate::config::version::is_version;

/// Returns the newest version besides `running` that has both partitions on the disk, by their
/// `labels`. `noted` is the version whose `/usr` could not be opened last. If that is this one, the
/// other was tried, and did not come up; if it is the other, the other started this one. Either
/// way, going on would never end.
#[must_use]
pub fn another(running: &str, labels: &[String], noted: Option<&str>) -> Option<String> {
    if noted == Some(running) {
        return None;
    }
    let versions = labels.iter().filter_map(|label| label.strip_prefix("usr-"));
    let complete = |version: &&str| labels.contains(&format!("verity-{version}")) && is_version(version);
    let others = versions.filter(complete).filter(|version| *version != running && Some(*version) != noted);
    let others: Vec<_> = others.map(|version| Entry { version: version.to_owned(), tries: None }).collect();
    newest(&others, |_| true).map(|entry| entry.version.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_version_is_started_unless_it_is_damaged_too() {
        let labels = ["esp", "usr-1", "verity-1", "usr-2", "verity-2", "usr-3", "_empty", "persist"]
            .map(str::to_owned);
        assert_eq!(another("2", &labels, None).as_deref(), Some("1"));
        assert_eq!(another("1", &labels, None).as_deref(), Some("2"));
        assert_eq!(another("2", &labels, Some("3")).as_deref(), Some("1"));
        // It was tried, and did not come up: it may have no kernel image any more.
        assert_eq!(another("1", &labels, Some("1")), None);
        // Version 2 started this one because it is damaged itself.
        assert_eq!(another("1", &labels, Some("2")), None);
        assert_eq!(another("2", &labels[..1], None), None);
        let odd = ["usr-\u{1b}[2J", "verity-\u{1b}[2J"].map(str::to_owned);
        assert_eq!(another("2", &odd, None), None);
    }
}

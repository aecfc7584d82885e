//! Decides which unified kernel image systemd-boot starts by default (UAPI.1 "Boot Loader
//! Specification", "Sorting" and "Boot counting"), as far as images of one system differ.

use std::cmp::Reverse;

/// A file of `EFI/Linux` that the boot loader accepts as an entry.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Candidate {
    pub(crate) name: String,
    pub(crate) version: String,
    /// How often it may still be tried. `None` if it is not counted.
    left: Option<u32>,
}

/// Returns the entry that is started, by these file names.
pub(crate) fn default_entry(names: &[String]) -> Option<Candidate> {
    let mut candidates = names.iter().filter_map(|name| candidate(name)).collect::<Vec<_>>();
    // Entries without tries left come last. Otherwise the newest comes first.
    candidates.sort_by(|one, other| {
        let order =
            |candidate: &Candidate| (candidate.left == Some(0), Reverse(components(&candidate.version)));
        order(one).cmp(&order(other))
    });
    candidates.into_iter().next()
}

/// Returns whether the boot loader reads a file of this name.
pub(crate) fn is_read(name: &str) -> bool {
    name.ends_with(".efi") && !name.starts_with('.')
}

/// Returns whether an entry has no tries left.
pub(crate) fn is_spent(name: &str) -> bool {
    candidate(name).is_some_and(|candidate| candidate.left == Some(0))
}

/// Parses `ID_VERSION.efi`, or with counters `ID_VERSION+LEFT.efi`, `ID_VERSION+LEFT-DONE.efi`.
fn candidate(name: &str) -> Option<Candidate> {
    let (_, rest) = name.strip_suffix(".efi")?.split_once('_')?;
    let (version, left) = counted(rest).map_or((rest, None), |(version, left)| (version, Some(left)));
    Some(Candidate { name: name.to_owned(), version: version.to_owned(), left })
}

/// Parses counters. A `+` without counters after it is a part of the version.
fn counted(rest: &str) -> Option<(&str, u32)> {
    let (version, counters) = rest.rsplit_once('+')?;
    let (left, done) = counters.split_once('-').unwrap_or((counters, "0"));
    let _: u32 = done.parse().ok()?;
    Some((version, left.parse().ok()?))
}

/// Returns what versions are compared by, as far as the scenarios need it: `0.0.10` is newer than
/// `0.0.9`.
fn components(version: &str) -> Vec<(Option<u64>, String)> {
    version.split('.').map(|part| (part.parse().ok(), part.to_owned())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_is_started_unless_it_has_no_tries_left() {
        for (names, wanted) in [
            (&["demo_0.0.1.efi", "demo_0.0.2.efi"][..], "demo_0.0.2.efi"),
            (&["demo_0.0.9.efi", "demo_0.0.10.efi"], "demo_0.0.10.efi"),
            (&["demo_0.0.1.efi", "demo_0.0.2+3-0.efi"], "demo_0.0.2+3-0.efi"),
            (&["demo_0.0.1.efi", "demo_0.0.2+1-2.efi"], "demo_0.0.2+1-2.efi"),
            (&["demo_0.0.2+0-3.efi", "demo_0.0.1.efi"], "demo_0.0.1.efi"),
            (&["demo_0.0.2+0-3.efi", "demo_0.0.1+0-3.efi"], "demo_0.0.2+0-3.efi"),
        ] {
            let names = names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
            assert_eq!(default_entry(&names).unwrap().name, wanted);
        }
    }

    #[test]
    fn a_name_carries_version_and_counters() {
        let counted = candidate("demo_0.0.2+3-0.efi").unwrap();
        assert_eq!((counted.version.as_str(), counted.left), ("0.0.2", Some(3)));
        let good = candidate("demo_0.0.2+x.efi").unwrap();
        assert_eq!((good.version.as_str(), good.left), ("0.0.2+x", None));
    }

    #[test]
    fn what_is_being_downloaded_is_not_read() {
        for name in [".#sysupdatedemo_0.0.2+3-0.efi0123456789abcdef", ".demo_0.0.2.efi", "demo_0.0.2.raw"] {
            assert!(!is_read(name), "{name}");
        }
        assert!(is_read("demo_0.0.2+3-0.efi"));
    }

    #[test]
    fn without_an_image_nothing_is_started() {
        assert_eq!(default_entry(&["demo_0.0.1.conf".to_owned(), "demo.efi".to_owned()]), None);
    }
}

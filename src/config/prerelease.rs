//! Recognises versions that are meant to come before a release. In the format of versions only `~`
//! means that, and systemd-sysupdate 257 does not take versions with it.

use std::cmp::Ordering;

use super::version::compare;

const MARKS: [&str; 9] = ["alpha", "beta", "rc", "preview", "pre", "dev", "snapshot", "nightly", "canary"];

/// A version that is newer than the release that it is to come before.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PreRelease {
    /// The release that machines with the version never take.
    pub release: String,
    /// A name of the version, and one of its release, that sort as they are meant.
    pub instead: [String; 2],
}

impl PreRelease {
    /// Returns what is wrong with a version, if its release would be called what comes before a mark
    /// such as `rc`.
    #[must_use]
    pub fn of(version: &str) -> Option<Self> {
        let at = MARKS.iter().find_map(|mark| position(version, mark)).or_else(|| letter(version))?;
        let (before, mark) = version.split_at_checked(at)?;
        let release = before.trim_end_matches(['-', '.']);
        let instead = [format!("{release}-{mark}"), format!("{release}.0")];
        let wrong = !release.is_empty() && compare(version, release) == Ordering::Greater;
        wrong.then(|| Self { release: release.to_owned(), instead })
    }
}

/// Returns where a mark begins: after a digit, `-` or `.`, and not as a part of a word.
fn position(version: &str, mark: &str) -> Option<usize> {
    let lower = version.to_ascii_lowercase();
    let is_alone = |at: usize| {
        let letter = |c: Option<char>| c.is_none_or(|c| c.is_ascii_alphabetic());
        let before = lower.get(..at).and_then(|text| text.chars().next_back());
        let after = lower.get(at + mark.len()..).and_then(|text| text.chars().next());
        !letter(before) && (after.is_none() || !letter(after))
    };
    lower.match_indices(mark).map(|(at, _)| at).find(|at| is_alone(*at))
}

/// Returns where the letter of `1.0a1` or `1.0b2` is. In other versions letters may be of a hash.
fn letter(version: &str) -> Option<usize> {
    let at = version.find(['a', 'b', 'A', 'B'])?;
    let (before, after) = (version.get(..at)?, version.get(at + 1..)?);
    let digits = |text: &str| text.chars().all(|c| c.is_ascii_digit());
    let is_mark = before.split('.').all(digits) && digits(after) && !before.is_empty() && !after.is_empty();
    is_mark.then_some(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_that_is_newer_than_its_release_is_recognised() {
        for (version, release, instead) in [
            ("1.0-rc1", "1.0", ["1.0-rc1", "1.0.0"]),
            ("1.0rc1", "1.0", ["1.0-rc1", "1.0.0"]),
            ("1.0.RC1", "1.0", ["1.0-RC1", "1.0.0"]),
            ("2026.1-beta.2", "2026.1", ["2026.1-beta.2", "2026.1.0"]),
            ("3-dev", "3", ["3-dev", "3.0"]),
            ("1.2.3-pre", "1.2.3", ["1.2.3-pre", "1.2.3.0"]),
            ("1.0b2", "1.0", ["1.0-b2", "1.0.0"]),
            ("2a1", "2", ["2-a1", "2.0"]),
            ("1-preview2", "1", ["1-preview2", "1.0"]),
        ] {
            let found = PreRelease::of(version).unwrap();
            assert_eq!(found, PreRelease { release: release.into(), instead: instead.map(String::from) });
            assert_eq!(compare(version, release), Ordering::Greater);
            let [one, its_release] = &found.instead;
            assert_eq!(compare(one, its_release), Ordering::Less, "{one} {its_release}");
        }
    }

    #[test]
    fn other_versions_are_left_alone() {
        for version in [
            "1.0",
            "2026-11-26",
            "1.0-1",
            "1.0-march",
            "rc1",
            "1.0-devices",
            "1.0a",
            "5-arch",
            "b2",
            "1a2b3c",
        ] {
            assert_eq!(PreRelease::of(version), None, "{version}");
        }
    }
}

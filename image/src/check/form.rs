//! The form of mkosi.conf. mkosi says what is wrong with it only after minutes, when the tools are there.

use std::path::Path;

use super::mkosi::LONGEST;
use crate::host::small;

/// The distribution that images are made of.
const DEBIAN: &str = "debian";

/// Returns what there is to say about the file in a folder.
pub(super) fn notes(folder: &Path) -> Vec<String> {
    let Ok(bytes) = small::read(&folder.join("mkosi.conf"), LONGEST) else { return Vec::new() };
    if bytes.len() > LONGEST {
        return Vec::new();
    }
    let said = match std::str::from_utf8(&bytes) {
        Ok(text) => of_text(text),
        Err(_) => vec!["it is not text in UTF-8".to_owned()],
    };
    said.into_iter().map(|what| format!("mkosi.conf beside this file: {what}")).collect()
}

fn of_text(text: &str) -> Vec<String> {
    let (mut notes, mut section) = (Vec::new(), "");
    // Under conditions it may be meant for something else.
    let is_conditional = text.lines().any(|line| ["[Match]", "[TriggerMatch]"].contains(&line.trim()));
    for (number, line) in (1..).zip(text.lines()) {
        let line = line.split('#').next().unwrap_or_default();
        let plain = line.trim_end();
        if plain.starts_with('[') {
            match plain.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
                Some(name) => section = name,
                None => notes.push(format!("line {number} is not a section such as [Content]: {plain:?}")),
            }
        } else if !plain.is_empty() && !plain.starts_with(char::is_whitespace) && section.is_empty() {
            notes
                .push(format!("line {number} stands before the first section, such as [Content]: {plain:?}"));
            // One note is enough for all of them.
            section = "?";
        } else if !plain.is_empty() && !plain.starts_with(char::is_whitespace) && !plain.contains('=') {
            notes.push(format!(
                "line {number} is neither a section nor a setting such as Packages=: {plain:?}"
            ));
        } else if section == "Distribution" && !is_conditional {
            notes.extend(other_distribution(plain).map(|other| {
                format!("line {number}: Distribution={other}, and an image is made of {DEBIAN}: the build will fail")
            }));
        }
    }
    notes
}

/// Returns the distribution that a line names, if it is another one.
fn other_distribution(line: &str) -> Option<&str> {
    let (name, value) = line.split_once('=')?;
    Some(value.trim()).filter(|value| name.trim() == "Distribution" && ![DEBIAN, ""].contains(value))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::temporary;

    #[test]
    fn what_mkosi_would_refuse_is_noted() {
        for (text, wanted) in [
            ("[Content\nPackages=a\n", "line 1 is not a section such as [Content]: \"[Content\""),
            (
                "# x\nPackages=a\nBootable=no\n[Content]\n",
                "line 2 stands before the first section, such as [Content]: \"Packages=a\"",
            ),
            (
                "[Content]\nPackages\n        less\n",
                "line 2 is neither a section nor a setting such as Packages=: \"Packages\"",
            ),
            (
                "[Distribution]\nDistribution = fedora # why\n",
                "line 2: Distribution=fedora, and an image is made of debian: the build will fail",
            ),
        ] {
            let notes = of_text(text);
            assert_eq!(notes.first().map(String::as_str), Some(wanted), "{text}");
        }
        for good in [
            "",
            "# [x\n\n[Content]  # why\nPackages=a\n        b\n\n[Distribution]\nDistribution=debian\nRelease=testing\n",
            "[Match]\nDistribution=fedora\n[Content]\nPackages=a\n",
            "[Match]\nProfiles=x\n[Distribution]\nDistribution=fedora\n",
        ] {
            assert!(of_text(good).is_empty(), "{good}: {:?}", of_text(good));
        }
    }

    #[test]
    fn a_file_that_is_not_text_is_noted() {
        let place = temporary::folder().unwrap();
        assert!(notes(place.path()).is_empty());
        std::fs::write(place.path().join("mkosi.conf"), b"\xff\xfe[").unwrap();
        assert_eq!(notes(place.path()), ["mkosi.conf beside this file: it is not text in UTF-8"]);
    }
}

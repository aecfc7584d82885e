//! Which version a kept `/etc` was last brought to, and what is to be done with it in a boot.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::boot::usr::UsrHash;
use crate::hex;

/// The version of the image that a tree was last brought to. An extended attribute of the tree's directory
/// has it, so that it is exchanged together with the tree.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Mark {
    id: String,
    version: String,
}

/// The digits of an [`id`](Mark::id).
const DIGITS: usize = 32;
/// More than a version of `pattern.toml` has.
const LONGEST: usize = 128;

impl Mark {
    /// Makes that of the version that runs.
    #[must_use]
    pub fn of(usr: &UsrHash, version: &str) -> Self {
        let id = hex::encode(usr.bytes()).chars().take(DIGITS).collect();
        Self { id, version: version.to_owned() }
    }

    /// Reads what [`bytes`](Self::bytes) wrote, and nothing else.
    #[must_use]
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let (id, version) = std::str::from_utf8(bytes).ok()?.split_once(' ')?;
        let is_name =
            (1..=LONGEST).contains(&version.len()) && version.bytes().all(|byte| byte.is_ascii_graphic());
        (is_id(id) && is_name).then(|| Self { id: id.to_owned(), version: version.to_owned() })
    }

    /// Returns what the extended attribute has.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        String::from(self.clone()).into_bytes()
    }

    /// Returns what tells the content of one `/usr` from another: the first half of its root hash.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Returns the version. Two images may have the same one.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.version
    }
}

impl From<Mark> for String {
    fn from(mark: Mark) -> Self {
        format!("{} {}", mark.id, mark.version)
    }
}

impl TryFrom<String> for Mark {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(text.as_bytes()).ok_or("it is not the mark of a version")
    }
}

/// Returns whether a name is that of a version, as [`Mark::id`] has it.
#[must_use]
pub fn is_id(name: &str) -> bool {
    name.len() == DIGITS && name.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
}

/// Two images may have the same version: the root hash tells them apart.
impl fmt::Display for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.version, self.id.get(..8).unwrap_or_default())
    }
}

/// What is to be done with a kept `/etc` before it is used.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Next {
    /// Nothing: it was brought to the running version before.
    Nothing,
    /// It was filled from the running version in this boot: note that.
    Begin,
    /// What the image's own was for it is not known. The running version's is taken for that from now on, and
    /// nothing is changed.
    Adopt(Unknown),
    /// Bring it from this version to the running one.
    Follow(Mark),
    /// Bring it back from this version to the running one, from which it was brought there.
    Return(Mark),
}

/// What the trees have as marks.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Found<'a> {
    /// That of the kept `/etc`.
    pub kept: Option<&'a [u8]>,
    /// Which version the kept `/etc` was brought from to a newer one.
    pub from: Option<&'a [u8]>,
    /// That of the tree that was in use before.
    pub before: Option<&'a [u8]>,
}

/// Why the image's own of an earlier version is not known.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Unknown {
    /// An earlier version of pattern made it.
    Unmarked,
    /// The attribute has something that pattern does not write.
    Misread,
    /// It is not kept any more, or is damaged.
    Lost,
}

impl fmt::Display for Unknown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unmarked => "an earlier version of pattern made it",
            Self::Misread => "its mark can't be read",
            Self::Lost => "the image's own of the version before is not kept any more, or is damaged",
        })
    }
}

/// Decides by the marks that were found. `is_new`: whether `/etc` was made in this boot.
#[must_use]
pub fn next(found: Found<'_>, running: &Mark, is_new: bool) -> Next {
    let is_running =
        |mark: Option<&[u8]>| mark.and_then(Mark::parse).is_some_and(|mark| mark.id == running.id);
    match (found.kept.map(Mark::parse), is_new) {
        (None, true) => Next::Begin,
        (None, false) => Next::Adopt(Unknown::Unmarked),
        (Some(None), _) => Next::Adopt(Unknown::Misread),
        (Some(Some(mark)), _) if mark.id == running.id => Next::Nothing,
        (Some(Some(mark)), _) if is_running(found.from) && is_running(found.before) => Next::Return(mark),
        (Some(Some(mark)), _) => Next::Follow(mark),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &str = "00112233445566778899aabbccddeeff102132435465768798a9bacbdcedfe0f";

    fn mark(digit: &str, version: &str) -> Mark {
        Mark::of(&UsrHash::parse(&digit.repeat(64)).unwrap(), version)
    }

    #[test]
    fn a_mark_is_read_as_it_was_written_and_nothing_else_is() {
        let one = Mark::of(&UsrHash::parse(ONE).unwrap(), "0.0.1");
        assert_eq!(one.bytes(), b"00112233445566778899aabbccddeeff 0.0.1");
        assert_eq!(Mark::parse(&one.bytes()), Some(one.clone()));
        assert_eq!((one.to_string(), one.id()), ("0.0.1 (00112233)".to_owned(), &ONE[..32]));
        let id = &ONE[..32];
        for text in [
            String::new(),
            id.to_owned(),
            format!("{id} "),
            format!("{id} 1\n"),
            format!("{id}\n1"),
            format!("{id} 1 2"),
            format!("{} 1", &id[1..]),
            format!("{ONE} 1"),
            format!("{} 1", id.to_uppercase()),
            format!("../{} 1", &id[3..]),
            format!("{id} {}", "1".repeat(LONGEST + 1)),
        ] {
            assert_eq!(Mark::parse(text.as_bytes()), None, "{text:?}");
        }
        assert_eq!(Mark::parse(b"\xff"), None);
    }

    #[test]
    fn what_is_to_be_done_follows_from_the_marks() {
        let (one, two) = (mark("1", "0.0.1"), mark("2", "0.0.2"));
        let next = |found: &[u8], running: &Mark| {
            super::next(Found { kept: Some(found), ..Found::default() }, running, false)
        };
        assert_eq!(next(&two.bytes(), &two), Next::Nothing);
        // The same /usr under another name.
        assert_eq!(next(&mark("2", "0.0.3").bytes(), &two), Next::Nothing);
        assert_eq!(next(&one.bytes(), &two), Next::Follow(one.clone()));
        // Another /usr under the same name.
        assert_eq!(next(&mark("3", "0.0.2").bytes(), &two), Next::Follow(mark("3", "0.0.2")));
        assert_eq!(next(b"x", &two), Next::Adopt(Unknown::Misread));
        assert_eq!(super::next(Found::default(), &two, true), Next::Begin);
        assert_eq!(super::next(Found::default(), &two, false), Next::Adopt(Unknown::Unmarked));
    }

    /// A tree that was brought back, and one whose earlier tree is gone, follow like each other.
    #[test]
    fn the_way_back_is_taken_only_to_the_version_that_it_came_from() {
        let [one, two, three] = ["1", "2", "3"].map(|digit| mark(digit, digit).bytes());
        let next = |from: Option<&Vec<u8>>, before: Option<&Vec<u8>>| {
            let found = Found {
                kept: Some(&two),
                from: from.map(|mark| &mark[..]),
                before: before.map(|mark| &mark[..]),
            };
            super::next(found, &mark("1", "1"), false)
        };
        let newer = || mark("2", "2");
        assert_eq!(next(Some(&one), Some(&one)), Next::Return(newer()));
        for (from, before) in [
            (None, Some(&one)),
            (Some(&one), None),
            (Some(&three), Some(&one)),
            (Some(&one), Some(&three)),
            (None, None),
        ] {
            assert_eq!(next(from, before), Next::Follow(newer()), "{from:?} {before:?}");
        }
    }
}

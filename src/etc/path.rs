//! A path below the root of a tree. Names are bytes, as the kernel has them: they may have line ends, or be
//! no text at all.

use std::cmp::Ordering;
use std::fmt;
use std::fmt::Write as _;

use serde::{Deserialize, Serialize};

use crate::plain::is_hidden;

/// A path that stays below its root: it has no empty part, no `.` and no `..`.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Path(Vec<u8>);

/// What can't be a path of a tree.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Unfit;

impl fmt::Display for Unfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("it is not a path below a directory")
    }
}

impl Path {
    /// Takes a relative path.
    ///
    /// # Errors
    /// When it is empty, or leaves the tree.
    pub fn new(bytes: impl Into<Vec<u8>>) -> Result<Self, Unfit> {
        let bytes = bytes.into();
        let fits = |part: &[u8]| !matches!(part, b"" | b"." | b"..") && !part.contains(&0);
        if bytes.split(|byte| *byte == b'/').all(fits) { Ok(Self(bytes)) } else { Err(Unfit) }
    }

    /// Reads what a path is shown as.
    ///
    /// # Errors
    /// When no path is shown so.
    pub fn shown(text: &str) -> Result<Self, Unfit> {
        let path = Self::new(bytes(text).ok_or(Unfit)?)?;
        if path.to_string() == text { Ok(path) } else { Err(Unfit) }
    }

    /// Returns what a person meant who typed this: the path, or the one that is shown so if only that is there.
    #[must_use]
    pub fn or_shown(&self, is_there: impl Fn(&Self) -> bool) -> Self {
        let shown = std::str::from_utf8(&self.0).ok().and_then(|text| Self::shown(text).ok());
        match shown.filter(&is_there) {
            Some(shown) if !is_there(self) => shown,
            _ => self.clone(),
        }
    }

    /// Returns the path of an entry of this directory.
    ///
    /// # Errors
    /// When the name is not one name.
    pub fn join(&self, name: &[u8]) -> Result<Self, Unfit> {
        if name.contains(&b'/') {
            return Err(Unfit);
        }
        Self::new([&self.0, &b"/"[..], name].concat())
    }

    /// Returns the bytes that the kernel knows it by, relative to the root.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// Returns its parts, from the root on.
    pub fn parts(&self) -> impl Iterator<Item = &[u8]> {
        self.0.split(|byte| *byte == b'/')
    }

    /// Returns the directory that it is in, or nothing if that is the root.
    #[must_use]
    pub fn parent(&self) -> Option<Self> {
        let end = self.0.iter().rposition(|byte| *byte == b'/')?;
        Some(Self(self.0.get(..end)?.to_vec()))
    }

    /// Returns the directories that it is in, the outermost first.
    pub fn ancestors(&self) -> impl Iterator<Item = Self> {
        let ends = self.0.iter().enumerate().filter(|(_, byte)| **byte == b'/');
        ends.filter_map(|(end, _)| self.0.get(..end).map(|bytes| Self(bytes.to_vec())))
    }

    /// Returns whether it is this path, or below it.
    #[must_use]
    pub fn is_within(&self, other: &Self) -> bool {
        self.0.strip_prefix(&other.0[..]).is_some_and(|rest| rest.is_empty() || rest.starts_with(b"/"))
    }
}

/// A directory comes right before what is in it.
impl Ord for Path {
    fn cmp(&self, other: &Self) -> Ordering {
        // No name has either of the two.
        let order = |byte: Option<&u8>| byte.map(|byte| if *byte == b'/' { 0 } else { *byte });
        let same = self.0.iter().zip(&other.0).take_while(|(one, other)| one == other).count();
        order(self.0.get(same)).cmp(&order(other.0.get(same)))
    }
}

impl PartialOrd for Path {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// Returns the bytes that are shown as this text.
fn bytes(text: &str) -> Option<Vec<u8>> {
    let (mut bytes, mut rest) = (Vec::new(), text);
    while let Some((plain, escape)) = rest.split_once('\\') {
        bytes.extend(plain.bytes());
        rest = if let Some(more) = escape.strip_prefix('\\') {
            bytes.push(b'\\');
            more
        } else if let Some(digits) = escape.strip_prefix('x') {
            bytes.push(u8::from_str_radix(digits.get(..2)?, 16).ok()?);
            digits.get(2..)?
        } else {
            let (digits, more) = escape.strip_prefix("u{")?.split_once('}')?;
            let c = char::from_u32(u32::from_str_radix(digits, 16).ok()?)?;
            bytes.extend(c.to_string().bytes());
            more
        };
    }
    bytes.extend(rest.bytes());
    Some(bytes)
}

impl From<Path> for String {
    fn from(path: Path) -> Self {
        path.to_string()
    }
}

impl TryFrom<String> for Path {
    type Error = Unfit;

    fn try_from(text: String) -> Result<Self, Unfit> {
        Self::shown(&text)
    }
}

/// One line that a terminal can show, and no two paths have the same one: what is not visible is written
/// `\u{a}`, bytes that are not text are `\xff`, and a backslash is doubled.
impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", Shown(&self.0))
    }
}

impl fmt::Debug for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", Shown(&self.0))
    }
}

/// Bytes that need not be text.
pub(super) struct Shown<'a>(pub(super) &'a [u8]);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for chunk in self.0.utf8_chunks() {
            for c in chunk.valid().chars() {
                match c {
                    '\\' => f.write_str("\\\\")?,
                    c if c.is_control() || is_hidden(c) => write!(f, "{}", c.escape_unicode())?,
                    c => f.write_char(c)?,
                }
            }
            chunk.invalid().iter().try_for_each(|byte| write!(f, "\\x{byte:02x}"))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> Path {
        Path::new(text).unwrap()
    }

    #[test]
    fn a_path_stays_below_its_root() {
        for unfit in
            ["", "/", "/etc", "a/", "a//b", ".", "..", "a/..", "../a", "a/../b", "./a", "a/.", "a\0b"]
        {
            assert_eq!(Path::new(unfit), Err(Unfit), "{unfit:?}");
        }
        for fit in ["a", "...", "a/..b", "a\nb", " ", "-", "a/b/c"] {
            assert_eq!(Path::new(fit).unwrap().bytes(), fit.as_bytes());
        }
        assert!(Path::new(vec![b'x'; 100_000]).is_ok());
        for name in [&b".."[..], b"", b"a/b", b"\0"] {
            assert_eq!(path("a").join(name), Err(Unfit), "{name:?}");
        }
        assert_eq!(path("a").join(b"b"), Ok(path("a/b")));
    }

    #[test]
    fn a_directory_comes_right_before_what_is_in_it() {
        let mut paths = ["a-b", "a/b", "a", "a.d/x", "a/b/c", "b", "a/a"].map(path);
        paths.sort();
        assert_eq!(paths, ["a", "a/a", "a/b", "a/b/c", "a-b", "a.d/x", "b"].map(path));
        assert_eq!(path("a/b/c").ancestors().collect::<Vec<_>>(), ["a", "a/b"].map(path));
        assert_eq!((path("a/b/c").parent(), path("a").parent()), (Some(path("a/b")), None));
        assert!(path("a/b").is_within(&path("a")) && path("a").is_within(&path("a")));
        assert!(!path("a-b").is_within(&path("a")) && !path("a").is_within(&path("a/b")));
    }

    #[test]
    fn a_path_can_be_typed_as_it_is_shown() {
        let [raw, shown] = [r"mnt-my\x2ddata.mount", r"mnt-my\\x2ddata.mount"].map(path);
        assert_eq!(shown.or_shown(|path| *path == raw), raw);
        assert_eq!(raw.or_shown(|path| *path == raw), raw);
        assert_eq!(shown.or_shown(|_| true), shown);
        assert_eq!(shown.or_shown(|_| false), shown);
        assert_eq!(path("ssh").or_shown(|_| true), path("ssh"));
    }

    #[test]
    fn each_path_is_shown_on_one_line_and_in_its_own_way() {
        let cases: [(&[u8], &str); 6] = [
            (b"ssh/sshd_config", "ssh/sshd_config"),
            (b"a\nb", "a\\u{a}b"),
            (b"a\\nb", "a\\\\nb"),
            (b"\xffa\xc3", "\\xffa\\xc3"),
            ("Grüße".as_bytes(), "Grüße"),
            ("a\u{202e}b\u{1b}".as_bytes(), "a\\u{202e}b\\u{1b}"),
        ];
        for (bytes, shown) in cases {
            assert_eq!(Path::new(bytes).unwrap().to_string(), shown);
            assert_eq!(Path::shown(shown).unwrap().bytes(), bytes);
        }
        // Each path is read in its one way.
        for text in [
            "",
            "a/../b",
            "a\\",
            "a\\n",
            "\\x",
            "\\x4",
            "\\x61",
            "\\u{}",
            "\\u{61}",
            "\\u{d800}",
            "\\u{a",
            "a\nb",
            "\\xé",
        ] {
            assert_eq!(Path::shown(text), Err(Unfit), "{text:?}");
        }
    }
}

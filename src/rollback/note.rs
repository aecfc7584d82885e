//! The note that lies beside a copy.

use crate::etc::{Mark, Path};

/// Which version's state a copy has, and for which trial it was made.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Note {
    /// The version that left this state.
    pub of: Mark,
    /// The version on trial.
    pub trial: Mark,
    /// What was copied.
    pub entries: Vec<Entry>,
}

/// One path.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Entry {
    /// The path below `/var`.
    pub path: Path,
    /// The number of the copy on the file system, or nothing if there was nothing to copy. Where the path has this
    /// number, the copy was put back already.
    pub inode: Option<u64>,
}

impl Note {
    /// Reads what [`bytes`](Self::bytes) wrote, and nothing else.
    #[must_use]
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let mut lines = bytes.strip_suffix(b"\n")?.split(|byte| *byte == b'\n');
        let of = Mark::parse(lines.next()?.strip_prefix(b"of ")?)?;
        let trial = Mark::parse(lines.next()?.strip_prefix(b"trial ")?)?;
        let entries = lines.map(Entry::parse).collect::<Option<_>>()?;
        Some(Self { of, trial, entries })
    }

    /// Returns the text. No path that `pattern.toml` may have has a line end.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        let mut bytes = [b"of ", &self.of.bytes()[..], b"\ntrial ", &self.trial.bytes()[..], b"\n"].concat();
        for Entry { path, inode } in &self.entries {
            let inode = inode.map_or_else(|| "-".to_owned(), |inode| inode.to_string());
            bytes.extend([inode.as_bytes(), b" ", path.bytes(), b"\n"].concat());
        }
        bytes
    }

    /// Returns the paths, for people.
    #[must_use]
    pub fn shown(&self) -> String {
        self.entries.iter().map(|entry| format!("/var/{}", entry.path)).collect::<Vec<_>>().join(", ")
    }
}

impl Entry {
    fn parse(line: &[u8]) -> Option<Self> {
        let at = line.iter().position(|byte| *byte == b' ')?;
        let (inode, path) = (line.get(..at)?, line.get(at + 1..)?);
        let inode = match inode {
            b"-" => None,
            digits => Some(std::str::from_utf8(digits).ok()?.parse().ok()?),
        };
        Some(Self { path: Path::new(path).ok()?, inode })
    }
}

//! What there is to say about a `pattern.toml`, in words for its author.

use std::fmt;

use crate::plain::plain;

/// Whether something must be corrected.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Severity {
    /// It must be corrected.
    Error,
    /// It is valid, and may not be what is meant.
    Note,
}

impl Severity {
    /// Returns the name in JSON.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Note => "note",
        }
    }
}

/// One thing to correct in a configuration file, or to know about it.
///
/// Displayed as `FILE:LINE: KEY: MESSAGE`, without `KEY: ` when no key is concerned. The message of
/// a note starts with `note: `.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Finding {
    /// Whether it must be corrected.
    pub severity: Severity,
    /// The file, as the caller named it.
    pub file: String,
    /// Line in that file, counted from 1.
    pub line: usize,
    /// The key with its sections, such as `image.id`. Empty if no key is concerned.
    pub key: String,
    /// What would be right.
    pub message: String,
}

impl Finding {
    /// Returns an error in this line.
    #[must_use]
    pub fn error(file: &str, line: usize, key: &str, message: String) -> Self {
        Self { severity: Severity::Error, file: file.to_owned(), line, key: key.to_owned(), message }
    }

    /// Returns a note in this line.
    #[must_use]
    pub fn note(file: &str, line: usize, key: &str, message: String) -> Self {
        Self { severity: Severity::Note, ..Self::error(file, line, key, message) }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: ", plain(&self.file), self.line)?;
        if !self.key.is_empty() {
            write!(f, "{}: ", self.key)?;
        }
        if self.severity == Severity::Note {
            f.write_str("note: ")?;
        }
        f.write_str(&self.message)
    }
}

impl std::error::Error for Finding {}

//! A mistake in a `pattern.toml`, in words for its author.

use std::fmt;

/// One thing to correct in a configuration file.
///
/// Displayed as `FILE:LINE: KEY: MESSAGE`, without `KEY: ` when no key is concerned.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Problem {
    /// The file, as the caller named it.
    pub file: String,
    /// Line in that file, counted from 1.
    pub line: usize,
    /// The key with its sections, such as `image.id`. Empty if the text as a whole is wrong.
    pub key: String,
    /// What would be right.
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: ", self.file, self.line)?;
        if !self.key.is_empty() {
            write!(f, "{}: ", self.key)?;
        }
        f.write_str(&self.message)
    }
}

impl std::error::Error for Problem {}

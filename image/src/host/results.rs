//! Standard output: what a command made or found, and nothing else.

use std::fmt;
use std::io::{self, ErrorKind, IsTerminal as _, Write as _};

use anyhow::{Context as _, Result};
use serde_json::Value;

use super::screen;

/// The reader of standard output has gone, as `head` does when it has read enough. It does not want
/// to hear of it.
#[derive(Debug)]
pub struct NoReader;

impl fmt::Display for NoReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("writing to standard output: nobody reads it")
    }
}

impl std::error::Error for NoReader {}

/// Prints whole lines.
///
/// # Errors
/// [`NoReader`] when the reader has gone; another one when the lines can't be written.
pub fn print(lines: &str) -> Result<()> {
    let mut output = io::stdout().lock();
    match output.write_all(lines.as_bytes()).and_then(|()| output.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Err(NoReader.into()),
        written => written.context("writing to standard output"),
    }
}

/// Prints lines with names that others may have given. Another program gets them as they are.
///
/// # Errors
/// As [`print`].
pub(crate) fn text(lines: &str) -> Result<()> {
    if io::stdout().is_terminal() { print(&screen::plain(lines)) } else { print(lines) }
}

/// Prints each item on a line.
///
/// # Errors
/// As [`print`].
pub(crate) fn list<T: fmt::Display>(items: impl IntoIterator<Item = T>) -> Result<()> {
    text(&items.into_iter().map(|item| format!("{item}\n")).collect::<String>())
}

/// Prints a value on one line.
///
/// # Errors
/// As [`print`].
pub(crate) fn json(value: &Value) -> Result<()> {
    list([value])
}

//! Writes to standard output and standard error. The macros of std end the program where the other
//! end of a pipe is closed or the disk is full.

use std::io::{self, ErrorKind, Write};

use anyhow::{Context as _, Result};

/// Writes a line to standard output.
///
/// # Errors
/// As [`text`].
pub fn line(line: &str) -> Result<()> {
    text(&format!("{line}\n"))
}

/// Writes lines to standard output.
///
/// # Errors
/// As [`text`].
pub fn lines(lines: &[String]) -> Result<()> {
    lines.iter().try_for_each(|one| line(one))
}

/// Writes a text to standard output. If nobody reads it any more, as in `pattern status | head -1`, the
/// command goes on in silence: what it began to change must not stay half done.
///
/// # Errors
/// When it can't be written, such as to a full disk.
pub fn text(text: &str) -> Result<()> {
    write(&mut io::stdout().lock(), text)
}

/// Writes a message, a line, to standard error. Nowhere is left to report that it failed.
pub fn message(line: &str) {
    writeln!(io::stderr(), "{line}").ok();
}

fn write(to: &mut impl Write, text: &str) -> Result<()> {
    match to.write_all(text.as_bytes()).and_then(|()| to.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        written => written.context("writing to standard output"),
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;

    use super::*;

    #[test]
    fn a_text_is_written_as_it_is() {
        let mut written = Vec::new();
        write(&mut written, "one\ntwo").unwrap();
        assert_eq!(written, b"one\ntwo");
    }

    #[test]
    fn a_reader_who_went_away_is_not_a_failure() {
        let (reader, mut writer) = io::pipe().unwrap();
        drop(reader);
        assert_eq!(writer.write(b"x").unwrap_err().kind(), ErrorKind::BrokenPipe);
        write(&mut writer, "text").unwrap();
    }

    #[test]
    fn a_full_disk_is_a_failure() {
        let mut full = File::options().write(true).open("/dev/full").unwrap();
        let error = format!("{:#}", write(&mut full, "text").unwrap_err());
        assert_eq!(error, "writing to standard output: No space left on device (os error 28)");
    }
}

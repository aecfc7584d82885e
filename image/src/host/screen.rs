//! Standard error: what a person reads while a command works.
//!
//! If it can't be written, nobody is left to learn of that, and the work goes on.

use std::env;
use std::ffi::OsStr;
use std::fmt::Display;
use std::io::{self, IsTerminal as _, Write as _};

use terminal_size::terminal_size_of;

/// Width of a terminal that does not tell its own.
const USUAL: usize = 80;

/// What may be shown, and how.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Screen {
    quiet: bool,
    /// The width of a line that can be written again and again, if this is such a terminal.
    changing: Option<usize>,
}

impl Screen {
    /// Looks at standard error. If `quiet`, only warnings and errors are shown.
    #[must_use]
    pub fn new(quiet: bool) -> Self {
        let size = terminal_size_of(io::stderr()).map(|(width, _)| width.0.into());
        let columns = env::var("COLUMNS").ok().and_then(|text| text.parse().ok());
        let terminal = io::stderr().is_terminal();
        let changing = changing(terminal, env::var_os("TERM").as_deref(), size.or(columns));
        Self { quiet, changing }
    }

    /// Returns the width of a line that can be overwritten, or `None` if lines only follow each
    /// other.
    pub(crate) fn changing(&self) -> Option<usize> {
        self.changing.filter(|_| !self.quiet)
    }

    /// Returns whether only results, warnings and errors are shown.
    pub(crate) fn is_quiet(&self) -> bool {
        self.quiet
    }

    /// Shows a line, unless the screen is to be quiet.
    pub(crate) fn say(&self, line: impl Display) {
        self.write(format_args!("{}\n", plain(line)));
    }

    /// Shows a text that need not end a line, unless the screen is to be quiet.
    pub(crate) fn write(&self, text: impl Display) {
        if !self.quiet {
            write(text);
        }
    }
}

/// Shows a warning or an error.
pub fn warn(line: impl Display) {
    write(format_args!("{}\n", plain(line)));
}

/// Shows an error, on one line, whatever is in the names that it repeats.
pub fn fail(error: impl Display) {
    warn(one_line(error));
}

/// Returns a text on one line, without characters that control a terminal.
pub(crate) fn one_line(text: impl Display) -> String {
    plain(text).replace('\n', "\\n").replace('\t', "\\t")
}

/// Shows a question. The answer is typed behind it.
pub fn ask(question: impl Display) {
    write(plain(question));
}

/// Returns a text without characters that control a terminal. A name of a file may have them.
pub(crate) fn plain(text: impl Display) -> String {
    let shown = |c: char| {
        if c.is_control() && !"\n\t".contains(c) { c.escape_default().to_string() } else { c.into() }
    };
    text.to_string().chars().map(shown).collect()
}

fn write(text: impl Display) {
    // One call for each text, so that other programs' lines do not get into ours.
    let text = text.to_string();
    let mut screen = io::stderr().lock();
    screen.write_all(text.as_bytes()).and_then(|()| screen.flush()).ok();
}

/// Decides whether lines can be overwritten. `dumb` names terminals that can't move the cursor.
fn changing(terminal: bool, term: Option<&OsStr>, width: Option<usize>) -> Option<usize> {
    let able = terminal && term.is_some_and(|term| term != "dumb" && !term.is_empty());
    able.then(|| width.filter(|width| *width > 0).unwrap_or(USUAL))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_controls_a_terminal_is_shown_and_not_done() {
        assert_eq!(plain("a\x1b[31m\r\u{9b}b"), "a\\u{1b}[31m\\r\\u{9b}b");
        assert_eq!(plain("a é\t‣ b\n"), "a é\t‣ b\n");
    }

    #[test]
    fn an_error_is_one_line() {
        assert_eq!(one_line("a\nb\t\x1b[2J"), "a\\nb\\t\\u{1b}[2J");
    }

    #[test]
    fn lines_change_only_on_terminals_that_can_do_it() {
        let xterm = Some(OsStr::new("xterm"));
        assert_eq!(changing(true, xterm, Some(40)), Some(40));
        assert_eq!(changing(true, xterm, None), Some(USUAL));
        assert_eq!(changing(true, xterm, Some(0)), Some(USUAL));
        assert_eq!(changing(false, xterm, Some(40)), None);
        for other in [None, Some(OsStr::new("dumb")), Some(OsStr::new(""))] {
            assert_eq!(changing(true, other, Some(40)), None, "{other:?}");
        }
    }
}

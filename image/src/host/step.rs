//! Shows one step of a longer task to the person who waits.

use std::cell::RefCell;
use std::fs::File;
use std::io::Seek as _;
use std::process::Child;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};

use super::screen::{self, Screen};

/// Returns to the line's start, and clears it.
const AGAIN: &str = "\r\x1b[K";

/// Shows progress: a changing line where lines can change, and one line at the end everywhere. If
/// dropped before its end, it shows a failure.
pub(crate) struct Step {
    screen: Screen,
    what: String,
    started: Instant,
    shown: RefCell<String>,
    ended: bool,
}

impl Step {
    pub(crate) fn new(screen: Screen, what: impl Into<String>) -> Self {
        let (what, started) = (screen::plain(what.into()), Instant::now());
        let step = Self { screen, what, started, shown: RefCell::default(), ended: false };
        step.show("…");
        step
    }

    /// Shows what is being done, if that line can change later.
    pub(crate) fn show(&self, doing: &str) {
        let Some(width) = self.screen.changing() else { return };
        let line = cut(&self.what, self.seconds(), &screen::plain(doing), width);
        if self.shown.replace(line.clone()) != line {
            self.screen.write(format_args!("{AGAIN}{line}"));
        }
    }

    /// Waits for a program that reads a file from start to end, and shows its progress.
    pub(crate) fn watch(&self, doing: &str, child: &mut Child, mut input: &File) -> Result<()> {
        let waiting = || format!("{doing}: waiting");
        let size = input.metadata().with_context(waiting)?.len().max(1);
        while child.try_wait().with_context(waiting)?.is_none() {
            // The program shares our open file, so its position is ours.
            let position = input.stream_position().with_context(waiting)?;
            let percent = position.saturating_mul(100) / size;
            self.show(&format!("{doing}, {percent} %"));
            thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }

    /// Shows the last line.
    pub(crate) fn end(mut self, how: &str) {
        self.ended = true;
        self.finish(how);
    }

    fn finish(&self, how: &str) {
        let start = if self.screen.changing().is_some() { AGAIN } else { "" };
        self.screen.write(format_args!("{start}{} ({} s): {how}\n", self.what, self.seconds()));
    }

    fn seconds(&self) -> u64 {
        self.started.elapsed().as_secs()
    }
}

impl Drop for Step {
    fn drop(&mut self) {
        if !self.ended {
            self.finish("failed");
        }
    }
}

/// Returns a line that stays one line. The name may take half of it, and the rest says what is
/// being done.
fn cut(what: &str, seconds: u64, doing: &str, width: usize) -> String {
    let what: String = what.chars().take(width / 2).collect();
    let line = format!("{what} ({seconds} s): {doing}");
    // In the last column some terminals begin another line.
    line.chars().take(width.saturating_sub(1)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_changing_line_is_shorter_than_the_terminal() {
        assert_eq!(cut("image", 3, "Building", 80), "image (3 s): Building");
        assert_eq!(cut("image", 3, "Building", 17), "image (3 s): Bui");
        assert_eq!(
            cut("build/images/demo_0.0.1", 3, "checking, 7 %", 34),
            "build/images/demo (3 s): checking"
        );
        assert_eq!(cut("image", 3, "Building", 0), "");
    }
}

//! Shows one step of a longer task to the person who waits.

use std::fs::File;
use std::io::{self, IsTerminal, Seek, Write};
use std::process::Child;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

/// Shows progress: one changing line on a terminal, otherwise plain lines. If dropped before its
/// end, it shows a failure.
pub(crate) struct Step {
    what: String,
    started: Instant,
    terminal: bool,
    ended: bool,
}

impl Step {
    pub(crate) fn new(what: impl Into<String>) -> Self {
        let terminal = io::stdout().is_terminal();
        let step = Self { what: what.into(), started: Instant::now(), terminal, ended: false };
        step.show(&step.what, "…");
        step
    }

    /// Waits for a program that reads a file from start to end, and shows its progress.
    pub(crate) fn watch(&self, doing: &str, child: &mut Child, mut input: &File) -> Result<()> {
        let waiting = || format!("{doing}: waiting");
        let size = input.metadata().with_context(waiting)?.len().max(1);
        while child.try_wait().with_context(waiting)?.is_none() {
            if self.terminal {
                // The program shares our open file, so its position is ours.
                let position = input.stream_position().with_context(waiting)?;
                let percent = position.saturating_mul(100) / size;
                self.show(&self.short(), &format!("{doing}, {percent} %"));
            }
            thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }

    /// Shows the last line.
    pub(crate) fn end(mut self, text: &str) {
        self.ended = true;
        self.finish(text);
    }

    fn finish(&self, text: &str) {
        self.show(&self.what, text);
        if self.terminal {
            println!();
        }
    }

    /// Cuts the text, so that a line that will be overwritten stays one line.
    fn short(&self) -> String {
        self.what.chars().take(45).collect()
    }

    fn show(&self, what: &str, text: &str) {
        let seconds = self.started.elapsed().as_secs();
        // Returns to the line's start, and clears it.
        let (start, end) = if self.terminal { ("\r\x1b[K", "") } else { ("", "\n") };
        print!("{start}{what} ({seconds} s): {text}{end}");
        // It is only progress. If the output is closed, nobody wants it.
        io::stdout().flush().ok();
    }
}

impl Drop for Step {
    fn drop(&mut self) {
        if !self.ended {
            self.finish("failed");
        }
    }
}

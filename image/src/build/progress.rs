//! Runs a long command: its output goes to a log, and its steps are shown to the person who waits.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, BufRead, BufReader, IsTerminal, PipeReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, bail};

/// Lines of the log that are shown after a failure.
const TAIL: usize = 25;

/// Runs a command to its end.
///
/// # Errors
/// When it can't be started or fails. The end of its log is printed then.
pub(crate) fn run(what: &str, command: &mut Command, log: &Path) -> Result<()> {
    let program = command.get_program().to_string_lossy().into_owned();
    let (mut child, output) = start(command).with_context(|| format!("{what}: starting {program}"))?;
    let display = Display::new(what);
    let tail = follow(output, &display, log).with_context(|| format!("{what}: writing {}", log.display()))?;
    let status = child.wait().with_context(|| format!("{what}: waiting for {program}"))?;
    display.end(status.success());
    if !status.success() {
        tail.iter().for_each(|line| eprintln!("  {line}"));
        bail!("{what}: {program} failed with {status}; its output is in {}", log.display());
    }
    Ok(())
}

/// Starts a command with one pipe for all its output.
fn start(command: &mut Command) -> io::Result<(Child, PipeReader)> {
    let (reader, writer) = io::pipe()?;
    let errors = writer.try_clone()?;
    let child = command.stdin(Stdio::null()).stdout(writer).stderr(errors).spawn()?;
    // The pipe ends only when every copy of its writer is closed, including the one in `command`.
    command.stdout(Stdio::null()).stderr(Stdio::null());
    Ok((child, reader))
}

/// Logs and shows the output of a command until it ends. Returns the last lines.
fn follow(output: PipeReader, display: &Display, log: &Path) -> io::Result<VecDeque<String>> {
    let mut file = File::create(log)?;
    let mut tail = VecDeque::new();
    for line in BufReader::new(output).split(b'\n') {
        let line = String::from_utf8_lossy(&line?).into_owned();
        writeln!(file, "{line}")?;
        if let Some(step) = step(&line) {
            display.show(step);
        }
        if tail.len() == TAIL {
            tail.pop_front();
        }
        tail.push_back(line);
    }
    Ok(tail)
}

/// Returns a step. mkosi marks each step with a bullet.
fn step(line: &str) -> Option<&str> {
    line.trim_start().strip_prefix('‣').map(str::trim)
}

/// Shows progress: one changing line on a terminal, otherwise plain lines.
struct Display {
    what: String,
    started: Instant,
    terminal: bool,
}

impl Display {
    fn new(what: &str) -> Self {
        let display =
            Self { what: what.to_owned(), started: Instant::now(), terminal: io::stdout().is_terminal() };
        display.show("…");
        display
    }

    fn show(&self, text: &str) {
        let seconds = self.started.elapsed().as_secs();
        if self.terminal {
            // Returns to the line's start and clears it. The text is cut, so that it stays one
            // line.
            let text = text.chars().take(60).collect::<String>();
            print!("\r\x1b[K{} ({seconds} s): {text}", self.what);
        } else {
            println!("{} ({seconds} s): {text}", self.what);
        }
        // It is only progress. If the output is closed, nobody wants it.
        io::stdout().flush().ok();
    }

    fn end(&self, success: bool) {
        self.show(if success { "done" } else { "failed" });
        if self.terminal {
            println!();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::temporary::TemporaryFolder;

    fn shell(script: &str) -> (Result<()>, String) {
        let place = TemporaryFolder::new().unwrap();
        let log = place.path().join("log");
        let result = run("testing", Command::new("sh").args(["-c", script]), &log);
        (result, std::fs::read_to_string(log).unwrap())
    }

    #[test]
    fn all_that_is_said_is_logged() {
        let (result, log) = shell("echo out; echo error >&2");
        assert!(result.is_ok());
        assert_eq!(log, "out\nerror\n");
    }

    #[test]
    fn a_failure_names_command_status_and_log() {
        let (result, _) = shell("exit 3");
        let error = result.unwrap_err().to_string();
        assert!(error.starts_with("testing: sh failed with exit status: 3; its output is in "), "{error}");
    }

    #[test]
    fn bullets_are_steps() {
        assert_eq!(step("  ‣  Installing extra packages"), Some("Installing extra packages"));
        assert_eq!(step("Reading package lists..."), None);
    }
}

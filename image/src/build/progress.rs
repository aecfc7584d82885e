//! Runs a long command: its output goes to a log, and its steps are shown to the person who waits.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, BufRead, BufReader, PipeReader, Read, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::host::screen::{self, Screen};
use crate::host::step::Step;
use crate::host::waiting::{self, A_WHILE};
use crate::host::{signals, tools};

/// Lines of the log that are shown after a failure.
const TAIL: usize = 25;

/// Runs a command to its end.
///
/// # Errors
/// When it can't be started or fails. The end of its log is printed then.
pub(crate) fn run(screen: Screen, what: &str, command: &mut Command, log: &Path) -> Result<()> {
    let program = tools::name(command);
    let step = Step::new(screen, what);
    let (mut child, output) = start(command).with_context(|| format!("{what}: starting {program}"))?;
    let output = Output { pipe: output, child: &mut child };
    let tail = follow(output, &step, log).with_context(|| format!("{what}: writing {}", log.display()))?;
    let status = child.wait().with_context(|| format!("{what}: waiting for {program}"))?;
    signals::end_group(&child);
    if !status.success() {
        drop(step);
        tail.iter().for_each(|line| screen::warn(format_args!("  {line}")));
        bail!("{what}: {program} failed with {status}; its output is in {}", log.display());
    }
    step.end("done");
    Ok(())
}

/// Starts a command with one pipe for all its output.
fn start(command: &mut Command) -> io::Result<(Child, PipeReader)> {
    let (reader, writer) = io::pipe()?;
    let errors = writer.try_clone()?;
    let child = signals::spawn(command.stdin(Stdio::null()).stdout(writer).stderr(errors))?;
    // The pipe ends only when every copy of its writer is closed, including the one in `command`.
    command.stdout(Stdio::null()).stderr(Stdio::null());
    Ok((child, reader))
}

/// What a program says until it ends. What it leaves running may hold the pipe for longer.
struct Output<'a> {
    pipe: PipeReader,
    child: &'a mut Child,
}

impl Read for Output<'_> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        loop {
            let ended = self.child.try_wait()?.is_some();
            if ended && signals::refuse_to_go_on().is_err() {
                return Ok(0);
            }
            if waiting::is_readable(&self.pipe, if ended { Duration::ZERO } else { A_WHILE })? {
                return self.pipe.read(bytes);
            }
            if ended {
                return Ok(0);
            }
        }
    }
}

/// Logs and shows the output of a command until it ends. Returns the last lines.
fn follow(output: impl Read, step: &Step, log: &Path) -> io::Result<VecDeque<String>> {
    let mut file = File::create(log)?;
    let mut tail = VecDeque::new();
    for line in BufReader::new(output).split(b'\n') {
        let line = String::from_utf8_lossy(&line?).into_owned();
        writeln!(file, "{line}")?;
        if let Some(bullet) = bullet(&line) {
            step.show(bullet);
        }
        if tail.len() == TAIL {
            tail.pop_front();
        }
        tail.push_back(line);
    }
    Ok(tail)
}

/// Returns the text after a bullet. mkosi marks each of its steps with one.
fn bullet(line: &str) -> Option<&str> {
    line.trim_start().strip_prefix('‣').map(str::trim)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::temporary;

    fn shell(script: &str) -> (Result<()>, String) {
        let place = temporary::folder().unwrap();
        let log = place.path().join("log");
        let result = run(Screen::new(true), "testing", Command::new("sh").args(["-c", script]), &log);
        (result, std::fs::read_to_string(log).unwrap())
    }

    #[test]
    fn all_that_is_said_is_logged() {
        let (result, log) = shell("echo out; echo error >&2");
        assert!(result.is_ok());
        assert_eq!(log, "out\nerror\n");
    }

    /// It would end only with the test.
    #[test]
    fn a_program_that_ended_is_not_waited_for_because_of_what_it_left_running() {
        let (result, log) = shell("sleep 1000 & echo $!");
        assert!(result.is_ok());
        let left = log.trim();
        assert!(Command::new("kill").arg(left).status().unwrap().success(), "{left} was ended");
    }

    #[test]
    fn a_failure_names_command_status_and_log() {
        let (result, _) = shell("exit 3");
        let error = result.unwrap_err().to_string();
        assert!(error.starts_with("testing: sh failed with exit status: 3; its output is in "), "{error}");
    }

    #[test]
    fn bullets_are_steps() {
        assert_eq!(bullet("  ‣  Installing extra packages"), Some("Installing extra packages"));
        assert_eq!(bullet("Reading package lists..."), None);
    }
}

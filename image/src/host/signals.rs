//! Signals that end a run: Ctrl-C, Ctrl-\, SIGTERM, a closed terminal, and others that would end it by default.
//!
//! The programs that were started are told to end. What waits for them then fails, and cleans up as
//! after any other failure. A second Ctrl-C or Ctrl-\ ends the run at once.

use std::fs;
use std::io::{self, ErrorKind};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicI32, AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock};
use std::thread;

use anyhow::{Context, Result};
use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use signal_hook::consts::{SIGALRM, SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2};
use signal_hook::flag;
use signal_hook::iterator::Signals;
use signal_hook::low_level::{emulate_default_handler, signal_name};

use super::screen;

/// What ends a program that does nothing about it, and is meant for it: a fault of the program is not among them.
const CAUGHT: [i32; 7] = [SIGINT, SIGQUIT, SIGTERM, SIGHUP, SIGALRM, SIGUSR1, SIGUSR2];
/// What a person types.
const TYPED: [i32; 2] = [SIGINT, SIGQUIT];

/// The signal that came, or 0. It is set before what the same signal ended is noticed.
static CAME: LazyLock<Arc<AtomicUsize>> = LazyLock::new(Arc::default);
/// The last signal that the programs were told of.
static TOLD: AtomicI32 = AtomicI32::new(0);

/// Has signals end this run in order from now on. They interrupt only what waits for a program: what
/// waits for a person, or takes long by itself, asks [`refuse_to_go_on`].
///
/// # Errors
/// When the signals can't be caught.
pub(crate) fn catch() -> Result<()> {
    let wanted = CAUGHT.into_iter().filter(|signal| !is_ignored(*signal));
    let wanted: Vec<_> = wanted.collect();
    for signal in &wanted {
        let number = usize::try_from(*signal).unwrap_or_default();
        flag::register_usize(*signal, Arc::clone(&CAME), number).context("catching signals")?;
    }
    let mut signals = Signals::new(wanted).context("catching signals")?;
    thread::spawn(move || signals.forever().for_each(receive));
    Ok(())
}

/// Starts a program that a signal to this process ends.
///
/// # Errors
/// When it can't be started, or a signal came already.
pub(crate) fn spawn(command: &mut Command) -> io::Result<Child> {
    refuse_to_go_on()?;
    let child = command.spawn().map_err(|error| without_setpriv(command, error))?;
    if name().is_some() {
        // The signal came after the look above, and maybe before the child was there to be told.
        tell_children(Signal::TERM);
    }
    Ok(child)
}

/// Runs such a program to its end, and returns what it said.
///
/// # Errors
/// As [`spawn`].
pub(crate) fn output(command: &mut Command) -> io::Result<Output> {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    spawn(command)?.wait_with_output()
}

/// Names the program that is missing. It is not the one that was asked for.
fn without_setpriv(command: &Command, error: io::Error) -> io::Error {
    if error.kind() == ErrorKind::NotFound && command.get_program() == "setpriv" {
        return io::Error::new(
            error.kind(),
            "this host has no setpriv; install it on Debian: apt-get install util-linux",
        );
    }
    error
}

/// # Errors
/// When a signal came.
pub(crate) fn refuse_to_go_on() -> io::Result<()> {
    match name() {
        Some(name) => Err(io::Error::new(ErrorKind::Interrupted, format!("stopped by {name}"))),
        None => Ok(()),
    }
}

/// After a signal, ends what a program left running that began a group of its own.
pub(crate) fn end_group(leader: &Child) {
    if name().is_some() {
        // There may be nothing left.
        kill_process_group(Pid::from_child(leader), Signal::TERM).ok();
    }
}

/// Ends this process by the signal that came, as whoever started it expects. Does nothing if none
/// came.
pub fn pass_on() {
    if let Some(name) = name() {
        screen::warn(format_args!("pattern: stopped by {name}"));
        end(came());
    }
}

fn came() -> i32 {
    i32::try_from(CAME.load(Ordering::SeqCst)).unwrap_or_default()
}

fn name() -> Option<&'static str> {
    match came() {
        0 => None,
        signal => Some(signal_name(signal).unwrap_or("a signal")),
    }
}

fn receive(signal: i32) {
    let before = TOLD.swap(signal, Ordering::SeqCst);
    // A closed terminal sends SIGHUP more than once. Only a person presses a key again.
    if TYPED.contains(&signal) && TYPED.contains(&before) {
        tell_children(Signal::KILL);
        end(signal);
    }
    tell_children(Signal::TERM);
}

fn tell_children(signal: Signal) {
    for child in children() {
        // It may have ended meanwhile.
        kill_process(child, signal).ok();
    }
}

/// Returns the running children, of all threads.
fn children() -> Vec<Pid> {
    let threads = fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    let lists = threads.filter_map(|thread| fs::read_to_string(thread.path().join("children")).ok());
    let numbers =
        lists.flat_map(|list| list.split(' ').filter_map(|word| word.parse().ok()).collect::<Vec<_>>());
    numbers.filter_map(Pid::from_raw).collect()
}

fn end(signal: i32) {
    // It does not return for these signals.
    emulate_default_handler(signal).ok();
}

/// Returns whether a signal is ignored. nohup(1) has SIGHUP ignored, and a shell's script has
/// SIGINT ignored by what it starts in the background.
fn is_ignored(signal: i32) -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0);
    mask >> (signal - 1) & 1 == 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_is_missing_is_named() {
        let said = |program: &str| {
            let mut command = Command::new(program);
            spawn(command.env("PATH", "/nonexistent")).unwrap_err().to_string()
        };
        assert!(said("setpriv").starts_with("this host has no setpriv; install it on Debian"));
        assert!(said("xz").starts_with("No such file"));
    }

    #[test]
    fn a_child_is_known_while_it_runs() {
        let mut child = spawn(Command::new("sleep").arg("1000")).unwrap();
        let pid = Pid::from_child(&child);
        assert!(children().contains(&pid));
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(!children().contains(&pid));
    }
}

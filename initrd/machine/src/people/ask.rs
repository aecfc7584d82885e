//! Asks a person for a key through systemd: on the console, a splash screen, or a remote agent.

use std::io::Read;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, anyhow, bail};
use pattern::plain::plain;
use zeroize::Zeroizing;

use crate::{drivers, output};

const PROGRAM: &str = "systemd-ask-password";
/// Longer than any passphrase that cryptsetup reads from a terminal (512). It is reserved at once,
/// because a buffer that grows leaves copies of the secret in memory.
pub(super) const LONGEST: usize = 1024;
/// Seconds that a person at the console has to answer.
pub const PATIENCE: u32 = 120;
/// Seconds that a person has to answer where the machine restarts otherwise: to find a recovery key.
pub const SEARCH: u32 = 600;
/// How often a person may enter a wrong key in the running system.
const TRIES: u32 = 3;
/// The same at boot, where a restart is the only other way.
const TRIES_AT_BOOT: u32 = 5;

/// Asks once, without a time limit, at the terminal of the caller or through an agent.
///
/// # Errors
/// When nobody can be asked.
pub fn secret(question: &str) -> Result<Zeroizing<String>> {
    within(0, question)
}

/// Asks like [`secret`], for this many seconds. 0 is for ever.
fn within(seconds: u32, question: &str) -> Result<Zeroizing<String>> {
    let read = read(&mut asking(seconds, question));
    read.with_context(|| format!("asking for a key with {PROGRAM}"))
}

fn asking(seconds: u32, question: &str) -> Command {
    let mut command = Command::new(PROGRAM);
    let (timeout, question) = (format!("--timeout={seconds}"), plain(question));
    command.args(["--id=pattern-persist", "--icon=drive-harddisk", &timeout, "--", &question]);
    command
}

/// Asks for a word that may be visible, and waits for this many seconds. Returns `None` if nobody
/// answers.
pub fn word(question: &str, seconds: u32) -> Option<String> {
    let mut command = Command::new(PROGRAM);
    let (timeout, question) = (format!("--timeout={seconds}"), plain(question));
    command.args(["--id=pattern-reset", "--icon=drive-harddisk", "--echo=yes", &timeout, "--", &question]);
    match read(&mut command) {
        Ok(answer) => Some(answer.to_string()),
        Err(error) => {
            log::info!("no answer to {question:?}: {error:#}");
            None
        }
    }
}

/// Asks a person in the running system until the entered key is accepted, at most 3 times.
///
/// # Errors
/// When nobody can be asked, or no key was accepted.
pub fn entered<T>(question: &str, attempt: impl FnMut(&str) -> Result<T>) -> Result<T> {
    until_accepted(secret, question, TRIES, |why| output::message(&format!("pattern: {why}")), attempt)
}

/// Asks a person at boot until the entered key is accepted, at most 5 times, and each time for this
/// many seconds. 0 is for ever.
///
/// # Errors
/// When nobody can be asked, nobody answers, or no key was accepted.
pub fn entered_at_boot<T>(question: &str, seconds: u32, attempt: impl FnMut(&str) -> Result<T>) -> Result<T> {
    let ask = |question: &str| within(seconds, question);
    let asked = until_accepted(ask, question, TRIES_AT_BOOT, |why| log::error!("{why}"), attempt);
    asked.map_err(|error| anyhow!("{error:#}; restart to try again"))
}

fn until_accepted<T>(
    ask: impl Fn(&str) -> Result<Zeroizing<String>>,
    question: &str,
    tries: u32,
    tell: impl Fn(&str),
    mut attempt: impl FnMut(&str) -> Result<T>,
) -> Result<T> {
    for left in (0..tries).rev() {
        match attempt(&ask(question)?) {
            Ok(done) => return Ok(done),
            Err(error) => tell(&format!("{error:#}; tries left: {left}")),
        }
    }
    bail!("no key that opens the volume was entered in {tries} tries; nothing was changed")
}

fn read(command: &mut Command) -> Result<Zeroizing<String>> {
    // Whoever is asked may plug a keyboard in now.
    let _keyboards = drivers::follow();
    let mut child = command.stdout(Stdio::piped()).spawn()?;
    let mut bytes = Zeroizing::new(Vec::with_capacity(LONGEST));
    if let Some(pipe) = child.stdout.take() {
        pipe.take(LONGEST as u64).read_to_end(&mut bytes)?;
    }
    let status = child.wait()?;
    if !status.success() {
        bail!("it ended with {status}");
    }
    let text = std::str::from_utf8(&bytes).context("the answer is not UTF-8 text")?;
    Ok(Zeroizing::new(text.trim_end_matches('\n').to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answer_comes_through_a_pipe() {
        assert_eq!(*read(Command::new("printf").arg("a key with spaces \n")).unwrap(), "a key with spaces ");
    }

    #[test]
    fn a_wrong_key_is_asked_for_again_and_not_for_ever() {
        let told = std::cell::RefCell::new(Vec::new());
        let ask_with = |right: &str| {
            told.borrow_mut().clear();
            let ask = |_: &str| Ok(Zeroizing::new("key".to_owned()));
            let tell = |why: &str| told.borrow_mut().push(why.to_owned());
            until_accepted(ask, "Key:", 2, tell, |key| if key == right { Ok(7) } else { bail!("wrong") })
        };
        assert_eq!(ask_with("key").unwrap(), 7);
        assert!(told.borrow().is_empty());
        let error = ask_with("other").unwrap_err().to_string();
        assert_eq!(error, "no key that opens the volume was entered in 2 tries; nothing was changed");
        assert_eq!(*told.borrow(), ["wrong; tries left: 1", "wrong; tries left: 0"]);
    }

    #[test]
    fn a_question_has_the_time_that_is_meant() {
        for (seconds, timeout) in [(0, "--timeout=0"), (SEARCH, "--timeout=600")] {
            let command = asking(seconds, "Key\nfor:");
            let args: Vec<_> = command.get_args().filter_map(|arg| arg.to_str()).collect();
            assert_eq!(args[2..], [timeout, "--", "Key for:"]);
        }
    }

    #[test]
    fn no_answer_is_an_error() {
        let error = read(&mut Command::new("false")).unwrap_err();
        assert_eq!(error.to_string(), "it ended with exit status: 1");
        assert!(read(&mut Command::new("/nonexistent/program")).is_err());
    }
}

//! Asking a person for a key, by whatever systemd has at hand: console, splash screen, remote agent.

use std::io::Read;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail};
use pattern::plain::plain;
use zeroize::Zeroizing;

const PROGRAM: &str = "systemd-ask-password";
/// Longer than any passphrase that cryptsetup takes from a terminal (512). Reserved at once: a growing buffer leaves copies.
const LONGEST: usize = 1024;

/// Asks once, and waits as long as it takes: at the terminal of who started us, else by an agent.
///
/// # Errors
/// When nobody can be asked.
pub(super) fn secret(question: &str) -> Result<Zeroizing<String>> {
    let mut command = Command::new(PROGRAM);
    let question = plain(question);
    let _ = command.args(["--id=pattern-persist", "--icon=drive-harddisk", "--timeout=0", "--", &question]);
    read(&mut command).with_context(|| format!("asking for a key with {PROGRAM}"))
}

/// Asks for a word that may be seen, and waits for so many seconds; nothing when nobody answers.
pub(crate) fn word(question: &str, seconds: u32) -> Option<String> {
    let mut command = Command::new(PROGRAM);
    let (timeout, question) = (format!("--timeout={seconds}"), plain(question));
    let _ = command.args([
        "--id=pattern-reset",
        "--icon=drive-harddisk",
        "--echo=yes",
        &timeout,
        "--",
        &question,
    ]);
    match read(&mut command) {
        Ok(answer) => Some(answer.to_string()),
        Err(error) => {
            log::info!("no answer to {question:?}: {error:#}");
            None
        }
    }
}

/// Asks for a PIN until the same one was given twice in a row.
///
/// # Errors
/// When nobody can be asked.
pub(super) fn new_pin() -> Result<Zeroizing<String>> {
    chosen(secret)
}

fn chosen(mut ask: impl FnMut(&str) -> Result<Zeroizing<String>>) -> Result<Zeroizing<String>> {
    let mut before = "";
    loop {
        let first = ask(&format!("{before}Choose a PIN for this machine, asked at each boot:"))?;
        let second = ask("The same PIN again:")?;
        before = match () {
            () if first.is_empty() => "An empty PIN protects nothing. ",
            () if first != second => "These were two different PINs. ",
            () => return Ok(first),
        };
    }
}

fn read(command: &mut Command) -> Result<Zeroizing<String>> {
    let mut child = command.stdout(Stdio::piped()).spawn()?;
    let mut bytes = Zeroizing::new(Vec::with_capacity(LONGEST));
    if let Some(pipe) = child.stdout.take() {
        let _length = pipe.take(LONGEST as u64).read_to_end(&mut bytes)?;
    }
    let status = child.wait()?;
    if !status.success() {
        bail!("it ended with {status}");
    }
    let text = std::str::from_utf8(&bytes).context("the answer is no UTF-8 text")?;
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
    fn a_new_pin_is_what_was_entered_twice() {
        let mut answers = ["", "", "1234", "1243", "1234", "1234", "left"].into_iter();
        let mut questions = Vec::new();
        let pin = chosen(|question| {
            questions.push(question.to_owned());
            Ok(Zeroizing::new(answers.next().unwrap().to_owned()))
        });
        assert_eq!((pin.unwrap().as_str(), answers.next()), ("1234", Some("left")));
        assert!(questions[2].starts_with("An empty PIN"), "{questions:?}");
        assert!(questions[4].starts_with("These were two different PINs."), "{questions:?}");
    }

    #[test]
    fn no_answer_is_an_error() {
        let error = read(&mut Command::new("false")).unwrap_err();
        assert_eq!(error.to_string(), "it ended with exit status: 1");
        assert!(read(&mut Command::new("/nonexistent/program")).is_err());
    }
}

//! Asks a person for a key through systemd: on the console, a splash screen, or a remote agent.

use std::io::Read;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, anyhow, bail};
use pattern::plain::plain;
use zeroize::Zeroizing;

use crate::{drivers, initrd, output};

const PROGRAM: &str = "systemd-ask-password";
/// Longer than any passphrase that cryptsetup reads from a terminal (512). It is reserved at once,
/// because a buffer that grows leaves copies of the secret in memory.
const LONGEST: usize = 1024;
/// Fewest characters of a new PIN. A million possible numbers are enough if the TPM counts wrong
/// ones.
const SHORTEST_PIN: usize = 6;
/// The keys with these letters are at the same place on most keyboards, as recovery keys need it.
const MODHEX: &str = "bcdefghijklnrtuv";
/// The keys above the letters, and what they are with Shift in the United States.
const DIGITS: &str = "1234567890";
const SHIFTED: &str = "!@#$%^&*()";
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

/// Asks for a new PIN until one that will do was entered twice in a row.
///
/// # Errors
/// When nobody can be asked.
pub fn new_pin() -> Result<Zeroizing<String>> {
    chosen(pin)
}

fn pin(question: &str) -> Result<Zeroizing<String>> {
    let typed = secret(question)?;
    // The running system knows the person's keyboard.
    Ok(if initrd::is_here() { meant(&typed) } else { typed })
}

/// Returns the PIN that a person means who has a French keyboard and types digits with Shift in the initrd. Its console has
/// the layout of the United States, where these keys are other signs. A PIN with anything that a new one can't have stays as it
/// is.
#[must_use]
pub fn meant(typed: &Zeroizing<String>) -> Zeroizing<String> {
    let digit =
        |sign| SHIFTED.chars().position(|other| other == sign).and_then(|place| DIGITS.chars().nth(place));
    let mut meant = Zeroizing::new(String::with_capacity(LONGEST));
    meant.extend(typed.chars().map(|sign| digit(sign).unwrap_or(sign)));
    if meant.chars().all(alike) { meant } else { typed.clone() }
}

/// Whether a key is at the same place on the keyboards of most countries.
fn alike(sign: char) -> bool {
    DIGITS.contains(sign) || MODHEX.contains(sign)
}

fn chosen(mut ask: impl FnMut(&str) -> Result<Zeroizing<String>>) -> Result<Zeroizing<String>> {
    let mut before = String::new();
    loop {
        let first = ask(&format!(
            "{before}Choose a PIN for this machine, of at least {SHORTEST_PIN} characters, asked at each boot:"
        ))?;
        if first.chars().count() < SHORTEST_PIN {
            before = "This PIN was too short. ".to_owned();
        } else if !first.chars().all(alike) {
            before = format!(
                "Not every keyboard has all keys of this PIN at the same place. Digits and the letters {MODHEX} will do. "
            );
        } else if first != ask("The same PIN again:")? {
            before = "These were two different PINs. ".to_owned();
        } else {
            return Ok(first);
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

    /// Returns the chosen PIN, the questions, and the number of unused answers.
    fn choose(answers: &[&str]) -> (String, Vec<String>, usize) {
        let mut left = answers.iter();
        let mut questions = Vec::new();
        let pin = chosen(|question| {
            questions.push(question.to_owned());
            Ok(Zeroizing::new((*left.next().unwrap()).to_owned()))
        });
        (pin.unwrap().to_string(), questions, left.count())
    }

    #[test]
    fn a_new_pin_is_what_was_entered_twice() {
        let (pin, questions, left) = choose(&["123456", "124356", "123456", "123456", "left"]);
        assert_eq!((pin.as_str(), left), ("123456", 1));
        let question = "Choose a PIN for this machine, of at least 6 characters, asked at each boot:";
        assert_eq!(questions[..2], [question, "The same PIN again:"]);
        assert_eq!(questions[2], format!("These were two different PINs. {question}"));
    }

    #[test]
    fn a_new_pin_has_six_characters_or_more() {
        let (pin, questions, left) = choose(&["", "12345", "ééééé", "tulben", "tulben"]);
        assert_eq!((pin.as_str(), left), ("tulben", 0));
        assert!(
            questions[1..4].iter().all(|one| one.starts_with("This PIN was too short. ")),
            "{questions:?}"
        );
        assert_eq!(questions[4], "The same PIN again:");
    }

    #[test]
    fn a_new_pin_can_be_typed_alike_on_most_keyboards() {
        // QWERTZ, AZERTY, signs, and letters of one country
        for other in ["yz1234", "aqwert", "12-456", "éééééé", "TULBEN"] {
            let (pin, questions, left) = choose(&[other, "123456", "123456"]);
            assert_eq!((pin.as_str(), left), ("123456", 0));
            assert!(questions[1].starts_with("Not every keyboard has all keys of this PIN"), "{questions:?}");
        }
    }

    #[test]
    fn digits_of_a_french_keyboard_are_digits() {
        let meant = |typed: &str| meant(&Zeroizing::new(typed.to_owned())).to_string();
        assert_eq!(meant("!@#$%^&*()"), "1234567890");
        assert_eq!(meant("12tu!"), "12tu1");
        // An older PIN.
        assert_eq!(meant("pass!word"), "pass!word");
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

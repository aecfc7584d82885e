//! Has a person choose a secret that can be typed alike at the next boot, whatever the keyboard.

use anyhow::Result;
use zeroize::Zeroizing;

use super::ask::{LONGEST, secret};
use crate::initrd;

/// The keys with these letters are at the same place on most keyboards, as recovery keys need it.
const MODHEX: &str = "bcdefghijklnrtuv";
/// The keys above the letters, and what they are with Shift in the United States.
const DIGITS: &str = "1234567890";
const SHIFTED: &str = "!@#$%^&*()";

/// A secret that a person chooses.
struct New {
    name: &'static str,
    why: &'static str,
    /// Fewest characters.
    shortest: usize,
    /// Whether it may have spaces.
    spaced: bool,
}

/// A million possible numbers are enough, because the TPM counts wrong ones.
const PIN: New = New { name: "PIN", why: "", shortest: 6, spaced: false };
/// Nothing counts here. Each guess costs what Argon2id costs.
const PASSPHRASE: New = New {
    name: "passphrase",
    why: "This machine has no TPM, so a passphrase opens its volume. ",
    shortest: 12,
    spaced: true,
};

/// Asks for a new PIN until one that will do was entered twice in a row.
///
/// # Errors
/// When nobody can be asked.
pub fn pin() -> Result<Zeroizing<String>> {
    chosen(&PIN, typed_as(&PIN))
}

/// Asks for a new passphrase like [`pin`].
///
/// # Errors
/// When nobody can be asked.
pub fn passphrase() -> Result<Zeroizing<String>> {
    chosen(&PASSPHRASE, typed_as(&PASSPHRASE))
}

fn typed_as(new: &New) -> impl FnMut(&str) -> Result<Zeroizing<String>> {
    |question| {
        let typed = secret(question)?;
        // The running system knows the person's keyboard.
        Ok(if initrd::is_here() { new.meant(&typed) } else { typed })
    }
}

/// Returns the PIN that a person means who has a French keyboard and types digits with Shift in the initrd. Its console has
/// the layout of the United States, where these keys are other signs. A PIN with anything that a new one can't have stays as it
/// is.
#[must_use]
pub fn meant(typed: &str) -> Zeroizing<String> {
    PIN.meant(typed)
}

/// Returns the passphrase that is meant, as [`meant`] does.
#[must_use]
pub fn meant_passphrase(typed: &str) -> Zeroizing<String> {
    PASSPHRASE.meant(typed)
}

impl New {
    fn meant(&self, typed: &str) -> Zeroizing<String> {
        let digit = |sign| {
            SHIFTED.chars().position(|other| other == sign).and_then(|place| DIGITS.chars().nth(place))
        };
        let mut meant = Zeroizing::new(String::with_capacity(LONGEST));
        meant.extend(typed.chars().map(|sign| digit(sign).unwrap_or(sign)));
        if !meant.chars().all(|sign| self.allows(sign)) {
            meant.clear();
            meant.push_str(typed);
        }
        meant
    }

    /// Whether a key is at the same place on the keyboards of most countries.
    fn allows(&self, sign: char) -> bool {
        DIGITS.contains(sign) || MODHEX.contains(sign) || self.spaced && sign == ' '
    }

    fn question(&self, before: &str) -> String {
        let Self { name, why, shortest, .. } = self;
        format!(
            "{before}{why}Choose a {name} for this machine, of at least {shortest} characters, asked at each boot:"
        )
    }

    /// Returns what is wrong with a secret, as the start of the next question.
    fn flaw(&self, secret: &str) -> Option<String> {
        let name = self.name;
        let spaces = if self.spaced { ", spaces" } else { "" };
        if secret.chars().count() < self.shortest {
            return Some(format!("This {name} was too short. "));
        }
        (!secret.chars().all(|sign| self.allows(sign))).then(|| {
            format!(
                "Not every keyboard has all keys of this {name} at the same place. Digits{spaces} and the letters {MODHEX} will do. "
            )
        })
    }
}

fn chosen(new: &New, mut ask: impl FnMut(&str) -> Result<Zeroizing<String>>) -> Result<Zeroizing<String>> {
    let mut before = String::new();
    loop {
        let first = ask(&new.question(&before))?;
        if let Some(flaw) = new.flaw(&first) {
            before = flaw;
        } else if first != ask(&format!("The same {} again:", new.name))? {
            before = format!("These were two different {}s. ", new.name);
        } else {
            return Ok(first);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the chosen PIN, the questions, and the number of unused answers.
    fn choose(answers: &[&str]) -> (String, Vec<String>, usize) {
        choose_a(&PIN, answers)
    }

    fn choose_a(new: &New, answers: &[&str]) -> (String, Vec<String>, usize) {
        let mut left = answers.iter();
        let mut questions = Vec::new();
        let pin = chosen(new, |question| {
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
        let meant = |typed: &str| meant(typed).to_string();
        assert_eq!(meant("!@#$%^&*()"), "1234567890");
        assert_eq!(meant("12tu!"), "12tu1");
        // An older PIN.
        assert_eq!(meant("pass!word"), "pass!word");
        assert_eq!(meant("12 !"), "12 !");
        assert_eq!(*meant_passphrase("12 tu !"), "12 tu 1");
        assert_eq!(*meant_passphrase("12 ty !"), "12 ty !");
    }

    #[test]
    fn a_new_passphrase_is_longer_and_may_have_spaces() {
        let answers = [
            "rude tune",
            "many hills 1",
            "rude blue tree 7",
            "rude blue tree 8",
            "rude blue tree 7",
            "rude blue tree 7",
        ];
        let (passphrase, questions, left) = choose_a(&PASSPHRASE, &answers);
        assert_eq!((passphrase.as_str(), left), ("rude blue tree 7", 0));
        let question = "This machine has no TPM, so a passphrase opens its volume. Choose a passphrase for this machine, of at least 12 \
                        characters, asked at each boot:";
        assert_eq!(questions[0], question);
        assert_eq!(questions[1], format!("This passphrase was too short. {question}"));
        let keys = "Not every keyboard has all keys of this passphrase at the same place. Digits, spaces and the letters bcdefghijklnrtuv \
                    will do. ";
        assert_eq!(questions[2], format!("{keys}{question}"));
        assert_eq!(questions[3], "The same passphrase again:");
        assert_eq!(questions[4], format!("These were two different passphrases. {question}"));
    }
}

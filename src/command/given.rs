//! Takes apart what follows a command: options in any place, and words.

use lexopt::Parser;
use lexopt::prelude::*;

use super::topic::{Topic, VALUED};
use super::wrong::Wrong;

/// What follows a command.
pub(super) struct Given {
    /// Each with its value.
    options: Vec<(&'static str, Option<String>)>,
    words: Vec<String>,
}

/// Reads all that is left. Returns `None` if it asks for help.
pub(super) fn read(topic: &Topic, parser: &mut Parser) -> Result<Option<Given>, Wrong> {
    let mut given = Given { options: Vec::new(), words: Vec::new() };
    while let Some(argument) = parser.next()? {
        let option = match argument {
            Value(word) => {
                given.words.push(word.string()?);
                continue;
            }
            Long("help") | Short('h') => return Ok(None),
            Long(name) => format!("--{name}"),
            Short(name) => format!("-{name}"),
        };
        let Some(known) = topic.options.iter().find(|known| **known == option) else {
            let known: Vec<_> = topic.options.iter().copied().chain(["--help"]).collect();
            return Err(Wrong::option(&option, &known));
        };
        let value = if VALUED.contains(known) { Some(parser.value()?.string()?) } else { None };
        given.options.push((known, value));
    }
    Ok(Some(given))
}

impl Given {
    pub(super) fn has(&self, option: &str) -> bool {
        self.options.iter().any(|(given, _)| *given == option)
    }

    /// Returns what follows an option, if it is given. The last one counts.
    pub(super) fn value(&self, option: &str) -> Option<&str> {
        let mut last = self.options.iter().rev();
        last.find(|(given, _)| *given == option)?.1.as_deref()
    }

    pub(super) fn words(&self) -> Vec<&str> {
        self.words.iter().map(String::as_str).collect()
    }

    /// Returns the only word, or `None` without one.
    pub(super) fn word(&self) -> Result<Option<&str>, Wrong> {
        match *self.words() {
            [] => Ok(None),
            [word] => Ok(Some(word)),
            [_, word, ..] => Err(too_many(word)),
        }
    }

    pub(super) fn no_word(&self) -> Result<(), Wrong> {
        self.words.first().map_or(Ok(()), |word| Err(too_many(word)))
    }

    /// Refuses two options that don't go together.
    pub(super) fn not_both(&self, one: &str, other: &str) -> Result<(), Wrong> {
        if self.has(one) && self.has(other) {
            return Err(Wrong::new(format!("{one} and {other} contradict each other")));
        }
        Ok(())
    }
}

pub(super) fn too_many(word: &str) -> Wrong {
    Wrong::new(format!("{word:?} is one word too many"))
}

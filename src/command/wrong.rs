//! Says what is wrong with a command line, what is allowed, and where to read more.

use std::fmt;

use super::topic::Topic;
use crate::plain::plain;
use crate::spelling;

/// Wrong usage.
#[derive(Debug)]
pub struct Wrong {
    message: String,
    topic: Option<&'static Topic>,
}

impl Wrong {
    pub(super) fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), topic: None }
    }

    /// There is no command of this name, but these.
    pub(super) fn name(written: &str, known: &[&str]) -> Self {
        let hint = match spelling::nearest(written, known.iter().copied()) {
            Some(near) => format!("did you mean {near}?"),
            None => format!("the commands are {}", known.join(", ")),
        };
        Self::new(format!("there is no command {written:?}; {hint}"))
    }

    /// There is no such option, but these.
    pub(super) fn option(written: &str, known: &[&str]) -> Self {
        let written = plain(written);
        Self::new(format!("there is no option {written} here; the options are {}", known.join(", ")))
    }

    /// Adds which command it is about.
    pub(super) fn about(self, topic: &'static Topic) -> Self {
        Self { topic: Some(topic), ..self }
    }
}

impl From<lexopt::Error> for Wrong {
    fn from(error: lexopt::Error) -> Self {
        Self::new(plain(&error.to_string()))
    }
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.topic {
            Some(topic) => write!(f, "{}: {}\n{}", topic.name, self.message, topic.usage())?,
            None => writeln!(f, "{}", self.message)?,
        }
        let name = self.topic.map_or_else(String::new, |topic| format!("{} ", topic.name));
        write!(f, "Try: pattern {name}--help")
    }
}

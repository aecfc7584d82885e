//! Why a header is refused.

use std::fmt;

use serde_json::Value;

/// A field that no honest tool writes like this.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Flaw {
    field: String,
    found: String,
    expected: String,
}

impl Flaw {
    pub(super) fn new(field: &str, found: impl Into<String>, expected: impl Into<String>) -> Self {
        Self { field: field.to_owned(), found: found.into(), expected: expected.into() }
    }

    pub(super) fn of(field: &str, value: Option<&Value>, expected: impl Into<String>) -> Self {
        Self::new(field, shown(value), expected)
    }
}

impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is {}, expected {}", self.field, self.found, self.expected)
    }
}

/// Why a header is not used.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Fault {
    /// Neither copy is readable, with the reason for each.
    Damaged(String),
    /// The copy that is used is intact, but not safe to open.
    Unsafe(Flaw),
}

impl From<Flaw> for Fault {
    fn from(flaw: Flaw) -> Self {
        Self::Unsafe(flaw)
    }
}

/// Shows a value. It is truncated, because an attacker may have put megabytes here.
fn shown(value: Option<&Value>) -> String {
    match value {
        None => "missing".to_owned(),
        Some(Value::Object(_)) => "an object".to_owned(),
        Some(Value::Array(values)) if values.len() > 8 => format!("an array of {}", values.len()),
        Some(value) => {
            let text = value.to_string();
            match text.char_indices().nth(100) {
                Some((end, _)) => text.chars().take(end.min(100)).chain("...".chars()).collect(),
                None => text,
            }
        }
    }
}

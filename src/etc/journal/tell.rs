//! What happened, for people and for programs.

use std::fmt;

use serde_json::{Value, json};

use super::{Entry, Event, Noted, Open};
use crate::ago::ago;

impl Entry {
    /// Returns a line: how long ago, and what. `now` is in seconds since 1970.
    #[must_use]
    pub fn line(&self, now: u64) -> String {
        format!("{:<15}  {}", ago(now.saturating_sub(self.at)), self.event)
    }

    /// Returns it as a JSON object.
    #[must_use]
    pub fn json(&self) -> Value {
        let mut object = self.event.json();
        if let Some(object) = object.as_object_mut() {
            object.insert("time".to_owned(), self.at.into());
        }
        object
    }
}

impl Event {
    fn json(&self) -> Value {
        let path = |path: &dyn fmt::Display| format!("/etc/{path}");
        match self {
            Self::Made { to } => json!({ "event": "made", "to": to.version() }),
            Self::Adopted { to, why } => json!({ "event": "adopted", "to": to.version(), "message": why }),
            Self::Brought { from, to, back, done, conflicts } => json!({
                "event": if *back { "brought-back" } else { "brought" },
                "from": from.version(),
                "to": to.version(),
                "message": done,
                "conflicts": conflicts.iter().map(Noted::json).collect::<Vec<_>>(),
            }),
            Self::Took { path: at, .. } => json!({ "event": "take", "path": path(at) }),
            Self::Kept { path: at } => json!({ "event": "keep", "path": path(at) }),
            Self::Undid { path: at } => json!({ "event": "undo", "path": path(at) }),
            Self::Carried { open } => json!({
                "event": "carried",
                "conflicts": open.iter().map(Open::json).collect::<Vec<_>>(),
            }),
        }
    }
}

impl Noted {
    /// Returns it as a JSON object.
    #[must_use]
    pub fn json(&self) -> Value {
        json!({ "path": format!("/etc/{}", self.path), "reason": self.about, "message": self.says })
    }
}

/// `brought from 0.0.1 to 0.0.2: 3 taken, 1 removed; 1 conflict`
impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Made { to } => write!(f, "made as that of {to}"),
            Self::Adopted { to, why } => write!(f, "counts as that of {to} from now on: {why}"),
            Self::Brought { from, to, back, done, conflicts } => {
                let way = if *back { "brought back" } else { "brought" };
                write!(f, "{way} from {from} to {to}: {done}")?;
                match conflicts.len() {
                    0 => Ok(()),
                    1 => f.write_str("; 1 conflict"),
                    many => write!(f, "; {many} conflicts"),
                }
            }
            Self::Took { path, .. } => write!(f, "the image's taken: /etc/{path}"),
            Self::Kept { path } => write!(f, "the machine's kept: /etc/{path}"),
            Self::Undid { path } => write!(f, "undone: /etc/{path}"),
            Self::Carried { open } => {
                write!(f, "older events are left out; of their conflicts, {} were open", open.len())
            }
        }
    }
}

//! What became of a kept `/etc` over time, and which conflicts nobody has settled yet.
//!
//! An entry is written before the trees are exchanged, so that none is lost. A power cut between the two leaves an entry
//! of what did not happen: the next entry does not begin where it ends, or the tree in use has another mark.

mod settle;
mod tell;

use serde::{Deserialize, Serialize};

use super::conflict::Conflict;
use super::mark::{Mark, Unknown};
use super::path::Path;
use super::plan::Plan;
use super::summary::Summary;
pub use settle::{Decision, Open, reminder};

/// More than a machine has in its life. The oldest ones go first, but for the conflicts of theirs that are open.
const MOST: usize = 500;

/// Bytes of text. Conflicts that are open may have more.
const LONGEST: usize = 4 << 20;

/// What became of a kept `/etc`, the oldest first.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Journal(Vec<Entry>);

/// Something that happened.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Entry {
    /// Seconds since 1970, by the machine's clock.
    pub at: u64,
    /// What it was.
    pub event: Event,
}

/// What can happen to a kept `/etc`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Event {
    /// It was made, as the image's of this version.
    Made {
        /// The version.
        to: Mark,
    },
    /// It was not known which version's it was, and it counts as this one's from then on.
    Adopted {
        /// The version.
        to: Mark,
        /// Why it was not known.
        why: String,
    },
    /// It was brought from one version to another.
    Brought {
        /// The version before.
        from: Mark,
        /// The version after.
        to: Mark,
        /// Whether that was the way back.
        back: bool,
        /// What was done, in a few words.
        done: String,
        /// Where both sides had changed something.
        conflicts: Vec<Noted>,
    },
    /// The image's was taken for this path.
    Took {
        /// The path.
        path: Path,
        /// What was exchanged: the path, or a directory above it.
        at: Path,
        /// Under which number the machine's lies.
        number: u32,
    },
    /// The machine's is to stay at this path.
    Kept {
        /// The path.
        path: Path,
    },
    /// The last choice was undone.
    Undid {
        /// Its path.
        path: Path,
    },
    /// Older entries were left out. These conflicts of theirs are open.
    Carried {
        /// The conflicts.
        open: Vec<Open>,
    },
}

/// A conflict as it is noted.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Noted {
    /// Where.
    pub path: Path,
    /// Why, in a word for programs.
    pub about: String,
    /// Why, in a sentence.
    pub says: String,
    /// Whether a person can choose between the machine's and the image's.
    pub choice: bool,
}

impl From<&Conflict> for Noted {
    fn from(Conflict { path, reason }: &Conflict) -> Self {
        Self {
            path: path.clone(),
            about: reason.name().to_owned(),
            says: reason.to_string(),
            choice: reason.is_a_choice(),
        }
    }
}

impl Event {
    /// Returns what is noted of a plan that is being carried out.
    #[must_use]
    pub fn brought(from: &Mark, to: &Mark, back: bool, plan: &Plan) -> Self {
        let conflicts = plan.conflicts.iter().map(Noted::from).collect();
        Self::Brought { from: from.clone(), to: to.clone(), back, done: Summary(plan).done(), conflicts }
    }

    /// Returns what is noted when a version's own counts as what the machine's came from.
    #[must_use]
    pub fn noted(to: &Mark, why: Option<Unknown>) -> Self {
        match why {
            None => Self::Made { to: to.clone() },
            Some(why) => Self::Adopted { to: to.clone(), why: why.to_string() },
        }
    }

    /// Returns the version that it ends with, if it is about a version.
    const fn to(&self) -> Option<&Mark> {
        match self {
            Self::Made { to } | Self::Adopted { to, .. } | Self::Brought { to, .. } => Some(to),
            Self::Took { .. } | Self::Kept { .. } | Self::Undid { .. } | Self::Carried { .. } => None,
        }
    }

    /// Returns whether this can come after a tree of that version.
    fn follows(&self, version: &Mark) -> bool {
        match self {
            Self::Brought { from, .. } => from.id() == version.id(),
            _ => true,
        }
    }
}

fn line(entry: &Entry) -> Vec<u8> {
    let line = serde_json::to_vec(entry).unwrap_or_default();
    [line, b"\n".to_vec()].concat()
}

impl Journal {
    /// Reads what [`text`](Self::text) wrote: a JSON object on each line. Other lines are left out.
    #[must_use]
    pub fn parse(text: &[u8]) -> Self {
        let lines = text.split(|byte| *byte == b'\n');
        Self(lines.filter_map(|line| serde_json::from_slice(line).ok()).collect())
    }

    /// Returns the text to keep.
    #[must_use]
    pub fn text(&self) -> Vec<u8> {
        self.0.iter().flat_map(line).collect()
    }

    /// Adds what happens to the tree with this mark.
    #[must_use]
    pub fn with(&self, mark: Option<&Mark>, at: u64, event: Event) -> Self {
        let mut entries: Vec<Entry> = self.happened(mark).into_iter().cloned().collect();
        entries.push(Entry { at, event });
        Self(entries).shortened()
    }

    /// Leaves the oldest entries out if there are too many, or they are too long.
    fn shortened(mut self) -> Self {
        let mut left = LONGEST;
        let fits = |entry: &&Entry| {
            let rest = left.checked_sub(line(entry).len());
            left = rest.unwrap_or_default();
            rest.is_some()
        };
        let stay = self.0.iter().rev().take(MOST).take_while(fits).count().max(1);
        let Some(count) = self.0.len().checked_sub(stay).filter(|count| *count > 0) else { return self };
        // One more has to go for what is carried.
        let count = if stay == MOST { count + 1 } else { count };
        let rest = self.0.split_off(count.min(self.0.len()));
        let open = settle::carried(&self.0, &rest);
        let carried = self.0.pop().map(|last| Entry { at: last.at, event: Event::Carried { open } });
        let has_some = |entry: &Entry| !matches!(&entry.event, Event::Carried { open } if open.is_empty());
        Self(carried.filter(has_some).into_iter().chain(rest).collect())
    }

    /// Returns what happened until there was a tree with this mark, without what a power cut kept from happening.
    #[must_use]
    pub fn happened(&self, mark: Option<&Mark>) -> Vec<&Entry> {
        let is_real = |(index, entry): &(usize, &Entry)| {
            let Some(to) = entry.event.to() else { return true };
            let mut later = self.0.iter().skip(index + 1).filter(|later| later.event.to().is_some());
            later
                .next()
                .map_or_else(|| mark.is_some_and(|mark| mark.id() == to.id()), |next| next.event.follows(to))
        };
        self.0.iter().enumerate().filter(is_real).map(|(_, entry)| entry).collect()
    }
}

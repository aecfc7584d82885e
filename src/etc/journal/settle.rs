//! Which conflicts are open, and which choices can be undone.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Entry, Event, Journal, Noted};
use crate::etc::mark::Mark;
use crate::etc::path::Path;
use crate::etc::tree::Node;

/// A conflict that nobody has settled.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Open {
    /// What was noted of it.
    pub noted: Noted,
    /// The version that brought it.
    pub since: Mark,
}

/// A choice of a person, which can be undone until another version is started.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Decision {
    /// The path.
    pub path: Path,
    /// What was exchanged, and under which number the machine's lies, if the image's was taken.
    pub took: Option<(Path, u32)>,
    closed: Vec<Open>,
}

#[derive(Default)]
struct State {
    open: Vec<Open>,
    decisions: Vec<Decision>,
}

impl Journal {
    /// Returns the open conflicts of the tree with this mark, by path.
    #[must_use]
    pub fn open(&self, mark: &Mark) -> Vec<Open> {
        let all = self.state(mark).open;
        let newest: BTreeMap<&Path, &Mark> = all.iter().map(|one| (&one.noted.path, &one.since)).collect();
        let is_newest = |one: &&Open| newest.get(&one.noted.path) == Some(&&one.since);
        let mut open: Vec<Open> = all.iter().filter(is_newest).cloned().collect();
        open.sort_by(|one, other| one.noted.path.cmp(&other.noted.path));
        open
    }

    /// Returns the last choice that can be undone.
    #[must_use]
    pub fn last(&self, mark: &Mark) -> Option<Decision> {
        self.state(mark).decisions.pop()
    }

    /// Returns a number that no choice has.
    #[must_use]
    pub fn free_number(&self) -> u32 {
        let number =
            |event: &Event| if let Event::Took { number, .. } = event { Some(*number) } else { None };
        self.0
            .iter()
            .filter_map(|entry| number(&entry.event))
            .max()
            .map_or(1, |number| number.saturating_add(1))
    }

    fn state(&self, mark: &Mark) -> State {
        let mut state = State::default();
        self.happened(Some(mark)).into_iter().for_each(|entry| state.add(&entry.event));
        state
    }
}

/// Returns which conflicts are open after the first entries, or opened again by the later ones.
pub(super) fn carried(first: &[Entry], later: &[Entry]) -> Vec<Open> {
    let mut state = State::default();
    first.iter().for_each(|entry| state.add(&entry.event));
    let mut depth = 0_usize;
    for entry in later {
        match entry.event {
            Event::Took { .. } | Event::Kept { .. } => depth += 1,
            Event::Undid { .. } if depth == 0 => state.add(&entry.event),
            Event::Undid { .. } => depth -= 1,
            Event::Carried { .. } => {}
            // No choice from before is undone after this.
            Event::Made { .. } | Event::Adopted { .. } | Event::Brought { .. } => break,
        }
    }
    state.open
}

impl State {
    fn add(&mut self, event: &Event) {
        match event {
            Event::Made { .. } | Event::Adopted { .. } => self.decisions.clear(),
            Event::Brought { from, to, back, conflicts, .. } => {
                self.decisions.clear();
                if *back {
                    // The version that brought them does not run any more.
                    self.open.retain(|open| open.since.id() != from.id());
                }
                let choices = conflicts.iter().filter(|noted| noted.choice);
                self.open(choices.map(|noted| Open { noted: noted.clone(), since: to.clone() }).collect());
            }
            Event::Carried { open } => self.open(open.clone()),
            Event::Took { path, at, number } => self.decide(path, Some((at.clone(), *number))),
            Event::Kept { path } => self.decide(path, None),
            Event::Undid { .. } => {
                self.open.extend(self.decisions.pop().into_iter().flat_map(|decision| decision.closed));
            }
        }
    }

    /// Adds conflicts. A version may bring the same one again.
    fn open(&mut self, more: Vec<Open>) {
        let new: BTreeSet<_> = more.iter().map(Open::key).collect();
        self.open.retain(|one| !new.contains(&one.key()));
        self.open.extend(more);
    }

    fn decide(&mut self, path: &Path, took: Option<(Path, u32)>) {
        let closed = self.open.extract_if(.., |open| open.noted.path.is_within(path)).collect();
        self.decisions.push(Decision { path: path.clone(), took, closed });
    }
}

impl Open {
    fn key(&self) -> (&Path, &str, &str, &str) {
        (&self.noted.path, &self.noted.about, &self.noted.says, self.since.id())
    }

    /// Returns whether the machine has the image's by now, so that nobody has to choose. A user may have another number
    /// on the machine, so owners count only where the conflict is about attributes.
    #[must_use]
    pub fn is_settled(&self, mine: Option<&Node>, image: Option<&Node>) -> bool {
        let (Some(mine), Some(image)) = (mine, image) else { return mine == image };
        let by_owner = self.noted.about == "attribute";
        let same_owner = (mine.meta.owner, mine.meta.group) == (image.meta.owner, image.meta.group);
        mine.kind == image.kind
            && mine.meta.mode == image.meta.mode
            && mine.meta.attributes == image.meta.attributes
            && (same_owner || !by_owner)
    }

    /// Returns it as a JSON object.
    #[must_use]
    pub fn json(&self) -> Value {
        let mut object = self.noted.json();
        if let Some(object) = object.as_object_mut() {
            object.insert("since".to_owned(), self.since.version().into());
        }
        object
    }
}

/// Returns what to show at each login, if a person has to decide something.
#[must_use]
pub fn reminder(open: &[Open]) -> Option<String> {
    let mut paths: Vec<&Path> = open.iter().map(|open| &open.noted.path).collect();
    paths.dedup();
    let what = match paths.len() {
        0 => return None,
        1 => "1 file of /etc was".to_owned(),
        many => format!("{many} files of /etc were"),
    };
    Some(format!("{what} changed on this machine and by an update. What to do: pattern etc conflicts"))
}

/// `/etc/nanorc: changed on this machine and in the image; the machine's stays (0.0.2)`
impl fmt::Display for Open {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "/etc/{}: {} ({})", self.noted.path, self.noted.says, self.since.version())
    }
}

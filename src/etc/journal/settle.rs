//! Which conflicts are open, and which choices can be undone.

use std::fmt;

use serde_json::Value;

use super::{Event, Journal, Noted};
use crate::etc::mark::Mark;
use crate::etc::path::Path;
use crate::etc::tree::Node;

/// A conflict that nobody has settled.
#[derive(Clone, PartialEq, Eq, Debug)]
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
        let is_newest = |(index, one): &(usize, &Open)| {
            !all.iter()
                .skip(index + 1)
                .any(|later| later.noted.path == one.noted.path && later.since != one.since)
        };
        let mut open: Vec<Open> =
            all.iter().enumerate().filter(is_newest).map(|(_, one)| one.clone()).collect();
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
                self.open.extend(choices.map(|noted| Open { noted: noted.clone(), since: to.clone() }));
            }
            Event::Took { path, at, number } => self.decide(path, Some((at.clone(), *number))),
            Event::Kept { path } => self.decide(path, None),
            Event::Undid { .. } => {
                self.open.extend(self.decisions.pop().into_iter().flat_map(|decision| decision.closed));
            }
        }
    }

    fn decide(&mut self, path: &Path, took: Option<(Path, u32)>) {
        let closed = self.open.extract_if(.., |open| open.noted.path.is_within(path)).collect();
        self.decisions.push(Decision { path: path.clone(), took, closed });
    }
}

impl Open {
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

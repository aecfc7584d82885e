//! What goes back with a version that fails its trial: chosen paths of `/var`. They are copied before the first start
//! of a version on trial, and put back when the version before it starts again. Once the version is found to be good,
//! the copy is never used.

mod note;
mod room;
#[cfg(test)]
mod tests;

use crate::etc::Mark;

pub use note::{Entry, Note};
pub use room::{Short, room};

/// What there is of a copy.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Found<'a> {
    /// None.
    Nothing,
    /// One that can't be read.
    Unread,
    /// One that was not used yet.
    Copy(&'a Note),
}

/// What is known when a version starts, before it gets `/var`.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// The version that starts.
    pub running: &'a Mark,
    /// Whether it is on trial: the boot loader counts its starts until it was found to be good.
    pub on_trial: bool,
    /// The version that `/var` was last given to.
    pub started: Option<&'a Mark>,
    /// The copy.
    pub found: Found<'a>,
    /// Whether the version that starts names any path.
    pub asked: bool,
}

/// What is to be done.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Step {
    /// Nothing.
    Nothing,
    /// Copy the paths, which this version left.
    Copy(Mark),
    /// Put the copy back.
    PutBack,
    /// Remove the copy.
    Forget,
}

/// Decides it.
#[must_use]
pub fn decide(facts: &Facts<'_>) -> Step {
    let running = facts.running.id();
    match (facts.found, facts.started) {
        // The version of the trial was not found to be good, or the copy would be gone.
        (Found::Copy(note), _) if note.of.id() == running => Step::PutBack,
        // Another try finds what the try before left. The copy is from before the first.
        (Found::Copy(note), _) if note.trial.id() == running => {
            if facts.on_trial {
                Step::Nothing
            } else {
                Step::Forget
            }
        }
        (_, Some(started)) if facts.on_trial && facts.asked && started.id() != running => {
            Step::Copy(started.clone())
        }
        (Found::Nothing, _) => Step::Nothing,
        // Neither of the two versions runs, so nobody knows who wrote to /var since.
        (Found::Unread | Found::Copy(_), _) => Step::Forget,
    }
}

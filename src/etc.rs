//! `/etc` that follows the image: what differs from the image's own, and what becomes of it when a version
//! with another one is started.
//!
//! Three trees decide: *base*, the image's of the version that the machine's came from; *mine*, the
//! machine's; and *new*, the image's of the version that is started. [`plan`] compares them path by path.
//! What only one side changed is taken from that side. What both changed is merged where the format is
//! known; else the machine's stays, and it is a [`Conflict`]. Links are compared and never followed.

mod accounts;
mod acl;
mod attributes;
mod back;
mod conflict;
mod decide;
mod diff;
mod entries;
mod journal;
mod list;
mod mark;
mod numbers;
mod path;
mod place;
mod plan;
mod settle;
mod state;
mod summary;
mod take;
mod tree;

pub use back::{Forth, back};
pub use conflict::{Conflict, Reason};
pub use diff::{Change, Difference, diff};
pub use journal::{Decision, Entry, Event, Journal, Open, reminder};
pub use mark::{Found, Mark, Next, Unknown, is_id, next};
pub use numbers::{Numbers, renumber_for};
pub use path::{Path, Unfit};
pub use place::{has_text, is_machines};
pub use plan::{Action, Plan, plan};
pub use state::{Before, Done, Marks, before, mixed, plan_state};
pub use summary::Summary;
pub use take::{Refusal, Taking, is_as_taken, take};
pub use tree::{Content, Kind, Meta, Misplaced, Node, Tree};

/// What both sides of a comparison say of one thing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Choice {
    /// The image did not change it, or both changed it alike.
    Mine,
    /// Only the image changed it.
    Image,
    /// Both changed it, and not alike.
    Both,
}

/// Compares one thing in base, mine and new.
fn choose<T: PartialEq + ?Sized>(base: &T, mine: &T, new: &T) -> Choice {
    if mine == new || base == new {
        Choice::Mine
    } else if base == mine {
        Choice::Image
    } else {
        Choice::Both
    }
}

#[cfg(test)]
mod tests;

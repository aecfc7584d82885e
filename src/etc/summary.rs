//! What was done to a kept `/etc`, in one line.

use std::fmt;

use super::path::Path;
use super::plan::{Action, Plan};
use super::tree::Kind;

/// How many paths the line names.
const NAMED: usize = 5;

/// A plan that was carried out, in a few words: `3 taken, 1 removed; 1 conflict: /etc/motd`.
#[derive(Clone, Copy, Debug)]
pub struct Summary<'a>(pub &'a Plan);

impl Summary<'_> {
    /// Returns the part before the conflicts.
    pub(super) fn done(self) -> String {
        let done = done(&self.0.actions);
        if done.is_empty() { "nothing changes".to_owned() } else { done }
    }
}

impl fmt::Display for Summary<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.done())?;
        let mut paths: Vec<&Path> = self.0.conflicts.iter().map(|conflict| &conflict.path).collect();
        paths.dedup();
        if paths.is_empty() {
            return Ok(());
        }
        let named: Vec<String> = paths.iter().take(NAMED).map(|path| format!("/etc/{path}")).collect();
        let word = if paths.len() == 1 { "conflict" } else { "conflicts" };
        write!(f, "; {} {word}: {}", paths.len(), named.join(", "))?;
        match paths.len().checked_sub(NAMED) {
            Some(more) if more > 0 => write!(f, " and {more} more"),
            _ => Ok(()),
        }
    }
}

/// Counts the steps of each kind.
fn done(actions: &[Action]) -> String {
    let count = |is: fn(&Action) -> bool| actions.iter().filter(|action| is(action)).count();
    let is_taken = |action: &Action| matches!(action, Action::Take(_, node) if node.kind != Kind::Directory);
    let all = [
        (count(is_taken), "taken"),
        (count(|action| matches!(action, Action::Write(..))), "merged"),
        (count(|action| matches!(action, Action::Remove(_))), "removed"),
        (count(|action| matches!(action, Action::Attributes(..))), "with other attributes"),
        (
            count(|action| matches!(action, Action::Take(_, node) if node.kind == Kind::Directory)),
            "directories made",
        ),
    ];
    let some = all.into_iter().filter(|(count, _)| *count > 0);
    some.map(|(count, what)| format!("{count} {what}")).collect::<Vec<_>>().join(", ")
}

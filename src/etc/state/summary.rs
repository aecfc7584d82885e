//! What was done to a kept `/var`, in one line.

use std::fmt;

use super::super::plan::{Action, Plan};

/// How many paths the line names.
const NAMED: usize = 5;

/// A plan that was carried out: `3 taken, 1 removed; 2 that the machine changed stay`. `kept`: how many steps were not
/// possible.
#[derive(Clone, Copy, Debug)]
pub struct Done<'a> {
    /// The plan.
    pub plan: &'a Plan,
    /// How many steps were not possible: what is immutable stays, and so does a directory that is not empty.
    pub kept: usize,
}

impl fmt::Display for Done<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = |is: fn(&Action) -> bool| self.plan.actions.iter().filter(|action| is(action)).count();
        let all = [
            (count(|action| matches!(action, Action::Take(..) | Action::Write(..))), "taken"),
            (count(|action| matches!(action, Action::Remove(_))), "removed"),
            (count(|action| matches!(action, Action::Attributes(..))), "with other attributes"),
            (self.kept, "of these not possible"),
        ];
        let some = all.into_iter().filter(|(count, _)| *count > 0);
        let done = some.map(|(count, what)| format!("{count} {what}")).collect::<Vec<_>>().join(", ");
        f.write_str(if done.is_empty() { "nothing changes" } else { &done })?;
        let named: Vec<_> = self.plan.actions.iter().filter_map(attributes).take(NAMED).collect();
        if !named.is_empty() {
            write!(f, " ({})", named.join(", "))?;
        }
        let mut paths: Vec<_> = self.plan.conflicts.iter().map(|conflict| &conflict.path).collect();
        paths.dedup();
        match paths.len() {
            0 => Ok(()),
            count => write!(f, "; {count} that the machine changed stay"),
        }
    }
}

/// Returns the path of something that gets other attributes alone: a program may go by them.
fn attributes(action: &Action) -> Option<String> {
    match action {
        Action::Attributes(path, _) => Some(format!("/var/{path}")),
        _ => None,
    }
}

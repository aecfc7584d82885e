//! The way back: what becomes of a tree when the version that it was brought from starts again.

use super::numbers::Numbers;
use super::plan::{Plan, plan};
use super::tree::Tree;

/// How a tree was brought to a newer version.
#[derive(Clone, Copy, Debug)]
pub struct Forth<'a> {
    /// The image's own of the version before.
    pub base: &'a Tree,
    /// The machine's of the version before.
    pub before: &'a Tree,
    /// The image's own of the newer version.
    pub new: &'a Tree,
    /// The names that had each number then.
    pub had: &'a Numbers,
}

/// Decides what becomes of the machine's tree: it is as before, with what the owner changed meanwhile. What was
/// changed meanwhile shows by comparing with what the newer version began with, which is planned once more.
#[must_use]
pub fn back(forth: Forth<'_>, mine: &Tree, had: &Numbers) -> Plan {
    let began = plan(forth.base, forth.before, forth.new, forth.had).result;
    plan(&began, mine, forth.before, had)
}

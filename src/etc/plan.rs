//! What is to be done to a tree, so that it follows the image.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::accounts;
use super::conflict::Conflict;
use super::decide::{Decision, Sides, decide};
use super::numbers::{Assigned, Numbers};
use super::path::Path;
use super::settle::Settlement;
use super::tree::{Kind, Meta, Node, Tree};

/// One step. The steps of a plan are in the order in which they can be done.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Action {
    /// Remove it. A directory is empty by then.
    Remove(Path),
    /// Make what the image has, in the place of what is there. The attributes may be merged.
    Take(Path, Node),
    /// Write a merged content.
    Write(Path, Node),
    /// Change the attributes alone.
    Attributes(Path, Meta),
}

/// What is to be done, what a person has to know, and what comes out.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Plan {
    /// The steps. Directories are made before what is in them, and removed after it.
    pub actions: Vec<Action>,
    /// By path.
    pub conflicts: Vec<Conflict>,
    /// The tree that the steps make of the machine's.
    pub result: Tree,
    /// The names that have or had each number, for the next plan.
    pub numbers: Numbers,
}

/// Decides what becomes of the machine's tree. `had` has the numbers of earlier plans.
#[must_use]
pub fn plan(base: &Tree, mine: &Tree, new: &Tree, had: &Numbers) -> Plan {
    let assigned = Assigned::of(base, mine, new, had);
    let merged = accounts::merge(base, mine, new, &assigned);
    let (mut base, mut new) = (base.clone(), new.clone());
    let mut numbers = had.clone();
    numbers.record(&base);
    assigned.renumber_base(&mut base);
    assigned.renumber_new(&mut new);
    let mut plan = compare(&base, mine, &new, &|path, sides| decide(path, sides, &merged));
    numbers.record(mine);
    numbers.record(&plan.result);
    plan.numbers = numbers;
    plan
}

/// Decides by one rule for each path. The numbers of users are the machine's everywhere.
pub(super) fn compare(
    base: &Tree,
    mine: &Tree,
    new: &Tree,
    rule: &dyn Fn(&Path, Sides<'_>) -> Decision,
) -> Plan {
    let paths: BTreeSet<&Path> = base.paths().chain(mine.paths()).chain(new.paths()).collect();
    let decisions = paths.into_iter().map(|path| {
        let sides = Sides { base: base.get(path), mine: mine.get(path), new: new.get(path) };
        (path.clone(), rule(path, sides))
    });
    let mut settlement = Settlement { decisions: decisions.collect(), mine, new };
    settlement.settle();
    let nodes =
        settlement.decisions.keys().filter_map(|path| Some((path.clone(), settlement.node(path)?.clone())));
    let result = Tree::of(nodes.collect::<BTreeMap<_, _>>());
    let actions = actions(mine, new, &result);
    Plan { actions, conflicts: conflicts(&settlement), result, numbers: Numbers::default() }
}

fn conflicts(settlement: &Settlement) -> Vec<Conflict> {
    let all = settlement.decisions.iter().flat_map(|(path, (_, reasons))| {
        reasons.iter().map(|reason| Conflict { path: path.clone(), reason: reason.clone() })
    });
    all.collect()
}

/// Returns the steps from one tree to the other.
fn actions(mine: &Tree, new: &Tree, result: &Tree) -> Vec<Action> {
    let is_replaced = |old: &Node, node: &Node| old.is_directory() != node.is_directory();
    let goes = |(path, old): &(&Path, &Node)| result.get(path).is_none_or(|node| is_replaced(old, node));
    let removed = mine.iter().rev().filter(goes).map(|(path, _)| Action::Remove(path.clone()));
    let made = result.iter().filter_map(|(path, node)| step(path, mine.get(path), new.get(path), node));
    removed.chain(made).collect()
}

/// Returns the step that makes what is to be at a path.
fn step(path: &Path, mine: Option<&Node>, new: Option<&Node>, node: &Node) -> Option<Action> {
    let path = path.clone();
    match mine {
        Some(mine) if mine == node => None,
        Some(mine) if mine.kind == node.kind => Some(Action::Attributes(path, node.meta.clone())),
        _ if new.is_some_and(|new| new.kind == node.kind) => Some(Action::Take(path, node.clone())),
        _ => Some(Action::Write(path, node.clone())),
    }
}

impl Action {
    /// Returns where it is done.
    #[must_use]
    pub const fn path(&self) -> &Path {
        match self {
            Self::Remove(path) | Self::Take(path, _) | Self::Write(path, _) | Self::Attributes(path, _) => {
                path
            }
        }
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Remove(path) => write!(f, "remove      {path}"),
            Self::Take(path, node) if node.kind == Kind::Directory => write!(f, "take        {path}/"),
            Self::Take(path, _) => write!(f, "take        {path}"),
            Self::Write(path, _) => write!(f, "merge       {path}"),
            Self::Attributes(path, _) => write!(f, "attributes  {path}"),
        }
    }
}

/// A line for each step, and one for each conflict.
impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.actions.iter().try_for_each(|action| writeln!(f, "{action}"))?;
        self.conflicts.iter().try_for_each(|conflict| writeln!(f, "conflict    {conflict}"))
    }
}

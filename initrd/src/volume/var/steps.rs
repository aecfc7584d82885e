//! The steps by which the kept `/var` becomes that of another version. Its paths change one after the other, each
//! at once. The mark says so before the first of them, so whichever version starts after a power cut knows.

use std::collections::BTreeSet;
use std::fs;

use anyhow::{Context as _, Result};
use pattern::etc::{self, Action, Kind, Mark, Marks, Meta, Node, Plan, Tree, is_id};
use pattern_machine::tree::{self, Placed, build};

use super::Own;
use crate::volume::etc::layout::{LIST, Layout, gone};
use crate::volume::etc::steps::{exchange, rename, sync};

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Step {
    /// Remove what a power cut left.
    Clear,
    /// Make what comes from the image beside `/var`.
    Build,
    /// Write the image's own down, for the next plan.
    Draft,
    /// Have everything on the medium.
    Sync,
    /// Give that its name.
    Base,
    /// Note which version `/var` is on its way to.
    MarkWay,
    /// Change each path.
    Change,
    /// Note that `/var` is that of the running version.
    MarkKept,
}

/// To bring `/var` to another version.
pub(super) const FOLLOW: &[Step] = &[
    Step::Clear,
    Step::Build,
    Step::Draft,
    Step::Sync,
    Step::Base,
    Step::MarkWay,
    Step::Sync,
    Step::Change,
    Step::Sync,
    Step::MarkKept,
    Step::Sync,
];

/// To leave it as it is, and to note that it is that of the running version.
pub(super) const NOTE: &[Step] =
    &[Step::Clear, Step::Draft, Step::Sync, Step::Base, Step::Sync, Step::MarkKept, Step::Sync];

pub(super) struct Work<'a> {
    pub(super) layout: &'a Layout,
    pub(super) running: &'a Mark,
    pub(super) own: &'a Own,
    pub(super) plan: &'a Plan,
    pub(super) mine: &'a Tree,
    /// What the mark says now.
    pub(super) marks: Option<Marks>,
}

impl Work<'_> {
    /// Returns how many changes were not possible.
    pub(super) fn run(&self, steps: &[Step]) -> Result<usize> {
        steps.iter().try_fold(0, |kept, step| Ok(kept + self.step(*step)?))
    }

    fn step(&self, step: Step) -> Result<usize> {
        let layout = self.layout;
        match step {
            Step::Clear => {
                layout.prepare()?;
                gone(&layout.next())?;
                gone(&layout.draft())
            }
            Step::Build => build(&layout.next(), &self.taken(), &[self.own.source(layout)]),
            Step::Draft => self.draft(),
            Step::Sync => sync(&layout.own()),
            Step::Base => self.base(),
            Step::MarkWay => match &self.marks {
                Some(marks) => layout.set_mark(&layout.kept(), &marks.clone().towards(self.running).bytes()),
                None => Ok(()),
            },
            Step::Change => return self.change(usize::MAX),
            Step::MarkKept => layout.set_mark(&layout.kept(), &Marks::at(self.running.clone()).bytes()),
        }
        .map(|()| 0)
    }

    /// Returns a tree of what comes from the image, with the directories that it is in.
    fn taken(&self) -> Tree {
        let meta = || Meta { owner: 0, group: 0, mode: 0o700, attributes: [].into() };
        let mut taken = Tree::default();
        for (path, node) in self.plan.actions.iter().filter_map(|action| self.comes(action)) {
            for above in path.ancestors().filter(|above| taken.get(above).is_none()).collect::<Vec<_>>() {
                // A directory is right before what is in it, so each of these has its place.
                taken.insert(above, Node { kind: Kind::Directory, meta: meta() }).ok();
            }
            taken.insert(path.clone(), node.clone()).ok();
        }
        taken
    }

    /// Returns what a step takes from the image. A file with other attributes comes as a whole, so that it has all of
    /// them or none.
    fn comes<'b>(&'b self, action: &'b Action) -> Option<(&'b etc::Path, &'b Node)> {
        match action {
            Action::Remove(_) => None,
            Action::Take(path, node) | Action::Write(path, node) => Some((path, node)),
            Action::Attributes(path, _) => self
                .plan
                .result
                .get(path)
                .filter(|node| node.kind != Kind::Directory)
                .map(|node| (path, node)),
        }
    }

    fn draft(&self) -> Result<()> {
        self.layout.make_draft(&[(LIST, self.own.machine.list().as_bytes())])
    }

    fn base(&self) -> Result<()> {
        let (draft, base) = (self.layout.draft(), self.layout.base_place(self.running.id()));
        if !base.is_dir() {
            return rename(&draft, &base);
        }
        exchange(&draft, &base)?;
        gone(&draft)
    }

    /// Changes the first paths, so many. Returns how many changes were not possible.
    pub(super) fn change(&self, most: usize) -> Result<usize> {
        let (mut kept, mut made) = (0, BTreeSet::new());
        for action in self.plan.actions.iter().take(most) {
            let done = self.one(action, &mut made)?;
            kept += usize::from(done == Placed::Not);
        }
        Ok(kept)
    }

    /// `made` has the new directories: each came with everything in it.
    fn one<'b>(&'b self, action: &'b Action, made: &mut BTreeSet<&'b etc::Path>) -> Result<Placed> {
        let (kept, next) = (self.layout.kept(), self.layout.next());
        match (action, self.comes(action)) {
            (Action::Remove(path), _) => tree::withdraw(&kept, path),
            (Action::Attributes(path, meta), None) => tree::change(&kept, path, meta),
            (_, Some((path, _))) if path.ancestors().any(|above| made.contains(&above)) => Ok(Placed::Done),
            (_, Some((path, node))) => {
                if node.kind == Kind::Directory && self.mine.get(path).is_none() {
                    made.insert(path);
                }
                tree::place(&next, &kept, path)
            }
            (_, None) => Ok(Placed::Done),
        }
    }

    /// Removes what was begun, after a failure that is being reported.
    pub(super) fn undo(&self) {
        for left in [self.layout.next(), self.layout.draft()] {
            gone(&left).unwrap_or_else(|error| log::warn!("{error:#}"));
        }
    }

    /// Removes what is left, and what is kept of other versions: `/var` is that of the running one.
    pub(super) fn prune(&self) -> Result<()> {
        let layout = self.layout;
        gone(&layout.next())?;
        let reading = || format!("reading {}", layout.own().display());
        for entry in fs::read_dir(layout.own()).with_context(reading)? {
            let name = entry.with_context(reading)?.file_name();
            if name.to_str().is_some_and(|name| is_id(name) && name != self.running.id()) {
                gone(&layout.own().join(&name))?;
            }
        }
        Ok(())
    }
}

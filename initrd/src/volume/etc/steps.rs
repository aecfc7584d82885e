//! The steps by which the kept `/etc` becomes that of another version. One of them changes what the system
//! gets: before it there is the old tree, and after it the new one. A power cut leaves steps undone, and the
//! next boot begins again.

use std::fs::{self, DirBuilder, File};
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::Path;

use anyhow::{Context as _, Error, Result, bail};
use nix::unistd::syncfs;
use pattern::etc::{Mark, Tree, is_id};
use pattern_machine::replace;
use pattern_machine::tree::{self, Source, build, remove};

use super::layout::{Layout, NUMBERS};

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Step {
    /// Remove what a power cut left.
    Clear,
    /// Build the new tree beside the old one, and read it again.
    Build,
    /// Note in it which version it is for.
    MarkNext,
    /// Copy the image's own, for the next plan.
    Draft,
    /// Have everything on the medium.
    Sync,
    /// Give that copy its name.
    Base,
    /// Remove the tree from before the last change.
    Vacate,
    /// Put the new tree in its place.
    Place,
    /// Exchange the new tree and the one in use.
    Exchange,
    /// Note in the tree in use that it is that of the running version.
    MarkKept,
}

/// To bring `/etc` to another version.
pub(super) const FOLLOW: &[Step] = &[
    Step::Clear,
    Step::Build,
    Step::MarkNext,
    Step::Draft,
    Step::Sync,
    Step::Base,
    Step::Vacate,
    Step::Place,
    Step::Sync,
    Step::Exchange,
];

/// To leave it as it is, and to note that it is that of the running version.
pub(super) const NOTE: &[Step] =
    &[Step::Clear, Step::Draft, Step::Sync, Step::Base, Step::Sync, Step::MarkKept, Step::Sync];

/// The trees that a new one is built of.
pub(super) struct Built<'a> {
    pub(super) mine: &'a Tree,
    pub(super) result: &'a Tree,
}

pub(super) struct Work<'a> {
    pub(super) layout: &'a Layout,
    pub(super) running: &'a Mark,
    /// The image's own.
    pub(super) new: &'a Tree,
    /// The names that have or had each number then.
    pub(super) numbers: &'a [u8],
    pub(super) built: Option<Built<'a>>,
}

impl Work<'_> {
    pub(super) fn run(&self, steps: &[Step]) -> Result<()> {
        steps.iter().try_for_each(|step| self.step(*step))
    }

    fn step(&self, step: Step) -> Result<()> {
        let layout = self.layout;
        match step {
            Step::Clear => {
                layout.prepare()?;
                gone(&layout.next())?;
                gone(&layout.draft())
            }
            Step::Build => self.build(),
            Step::MarkNext => layout.set_mark(&layout.next(), &self.running.bytes()),
            Step::Draft => self.draft(),
            Step::Sync => sync(&layout.own()),
            Step::Base => self.base(),
            Step::Vacate => gone(&layout.before()),
            Step::Place => rename(&layout.next(), &layout.before()),
            Step::Exchange => exchange(&layout.kept(), &layout.before()),
            Step::MarkKept => layout.set_mark(&layout.kept(), &self.running.bytes()),
        }
    }

    fn build(&self) -> Result<()> {
        let Some(Built { mine, result }) = &self.built else { return Ok(()) };
        let (kept, next) = (self.layout.kept(), self.layout.next());
        let sources =
            [Source { root: &kept, tree: mine }, Source { root: self.layout.factory(), tree: self.new }];
        build(&next, result, &sources)?;
        if tree::read(&next)? != **result {
            bail!("{} is not as it was planned", next.display());
        }
        Ok(())
    }

    fn draft(&self) -> Result<()> {
        let draft = self.layout.draft();
        let about = || format!("making {}", draft.display());
        DirBuilder::new().mode(0o700).create(&draft).with_context(about)?;
        let source = Source { root: self.layout.factory(), tree: self.new };
        build(&draft.join("tree"), self.new, &[source])?;
        let written = File::options().write(true).create_new(true).mode(0o600).open(draft.join(NUMBERS));
        written.and_then(|mut file| file.write_all(self.numbers)).with_context(about)
    }

    fn base(&self) -> Result<()> {
        let (draft, base) = (self.layout.draft(), self.layout.base_place(self.running.id()));
        if !self.has_base() {
            return rename(&draft, &base);
        }
        exchange(&draft, &base)?;
        gone(&draft)
    }

    /// Returns whether something is kept of the running version already, from before a fallback.
    pub(super) fn has_base(&self) -> bool {
        self.layout.base_place(self.running.id()).is_dir()
    }

    /// Removes what was begun, after a failure that is being reported.
    pub(super) fn undo(&self, had_base: bool) {
        let layout = self.layout;
        let warn = |error: Error| log::warn!("{error:#}");
        let is_ours = |tree: &Path| {
            layout.mark(tree).is_ok_and(|mark| mark.is_some_and(|mark| mark == self.running.bytes()))
        };
        gone(&layout.next()).unwrap_or_else(warn);
        gone(&layout.draft()).unwrap_or_else(warn);
        // After the exchange all of it is in use.
        if is_ours(&layout.kept()) {
            return;
        }
        if is_ours(&layout.before()) {
            gone(&layout.before()).unwrap_or_else(warn);
        }
        if !had_base {
            gone(&layout.base_place(self.running.id())).unwrap_or_else(warn);
        }
    }

    /// Removes what is kept of versions that no tree is marked with.
    pub(super) fn prune(&self) -> Result<()> {
        let layout = self.layout;
        let mut named = vec![self.running.id().to_owned()];
        if let Some(mark) = layout.mark(&layout.before())?.and_then(|mark| Mark::parse(&mark)) {
            named.push(mark.id().to_owned());
        }
        let reading = || format!("reading {}", layout.own().display());
        for entry in fs::read_dir(layout.own()).with_context(reading)? {
            let name = entry.with_context(reading)?.file_name();
            let is_left =
                name.to_str().is_some_and(|name| is_id(name) && !named.iter().any(|one| one == name));
            if is_left {
                gone(&layout.own().join(&name))?;
            }
        }
        Ok(())
    }
}

pub(in crate::volume) fn gone(path: &Path) -> Result<()> {
    remove(path).with_context(|| format!("removing {}", path.display()))
}

pub(in crate::volume) fn rename(from: &Path, to: &Path) -> Result<()> {
    fs::rename(from, to).with_context(|| format!("renaming {} to {}", from.display(), to.display()))
}

pub(in crate::volume) fn exchange(one: &Path, other: &Path) -> Result<()> {
    replace::exchange(one, other)
        .with_context(|| format!("exchanging {} and {}", one.display(), other.display()))
}

pub(in crate::volume) fn sync(folder: &Path) -> Result<()> {
    let synced = File::open(folder).map_err(Error::from).and_then(|folder| Ok(syncfs(&folder)?));
    synced.with_context(|| format!("syncing {}", folder.display()))
}

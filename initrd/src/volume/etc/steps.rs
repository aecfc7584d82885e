//! The steps by which the kept `/etc` becomes that of another version. One of them changes what the system
//! gets: before it there is the old tree, and after it the new one. A power cut leaves steps undone, and the
//! next boot begins again.

use std::fs::{self, File};
use std::path::Path;
use std::time::SystemTime;

use anyhow::{Context as _, Error, Result, bail};
use nix::unistd::syncfs;
use pattern::etc::{Event, Mark, Tree, is_id};
use pattern_machine::replace;
use pattern_machine::tree::{self, Source, build};

use super::layout::{JOURNAL, LIST, Layout, NUMBERS, gone, retire};

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Step {
    /// Remove what a power cut left.
    Clear,
    /// Build the new tree beside the old one, and read it again.
    Build,
    /// Note in it which version it is for.
    MarkNext,
    /// Write the image's own down, for the next plan.
    Draft,
    /// Have everything on the medium.
    Sync,
    /// Give that its name.
    Base,
    /// Note what happens, and the conflicts.
    Record,
    /// Put the tree from before the last change aside.
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
    Step::Record,
    Step::Vacate,
    Step::Place,
    Step::Sync,
    Step::Exchange,
];

/// To leave it as it is, and to note that it is that of the running version.
pub(super) const NOTE: &[Step] =
    &[Step::Clear, Step::Draft, Step::Sync, Step::Base, Step::Record, Step::Sync, Step::MarkKept, Step::Sync];

/// A new tree, and what it is built of.
pub(super) struct Built<'a> {
    pub(super) mine: &'a Tree,
    pub(super) other: Source<'a>,
    pub(super) result: &'a Tree,
    /// The version that it is brought from to a newer one.
    pub(super) from: Option<&'a Mark>,
}

pub(super) struct Work<'a> {
    pub(super) layout: &'a Layout,
    pub(super) running: &'a Mark,
    /// The image's own.
    pub(super) new: &'a Tree,
    /// The names that have or had each number then.
    pub(super) numbers: &'a [u8],
    pub(super) event: &'a Event,
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
                gone(&layout.draft())?;
                if self.built.as_ref().is_some_and(|built| built.other.root == layout.old()) {
                    return Ok(());
                }
                retire(&layout.old())
            }
            Step::Build => self.build(),
            Step::MarkNext => {
                let from = self.built.as_ref().and_then(|built| built.from);
                layout.mark_as(&layout.next(), self.running, from)
            }
            Step::Draft => self.draft(),
            Step::Sync => sync(&layout.own()),
            Step::Base => self.base(),
            Step::Record => record(layout, self.event.clone()),
            Step::Vacate => self.vacate(),
            Step::Place => rename(&layout.next(), &layout.before()),
            Step::Exchange => exchange(&layout.kept(), &layout.before()),
            Step::MarkKept => layout.mark_as(&layout.kept(), self.running, None),
        }
    }

    /// The way back needs the tree from before until it is done, and a power cut may come at any time.
    fn vacate(&self) -> Result<()> {
        let (before, old) = (self.layout.before(), self.layout.old());
        if !before.exists() || old.exists() { retire(&before) } else { rename(&before, &old) }
    }

    fn build(&self) -> Result<()> {
        let Some(Built { mine, other, result, .. }) = &self.built else { return Ok(()) };
        let (kept, next) = (self.layout.kept(), self.layout.next());
        build(&next, result, &[Source { root: &kept, tree: mine }, *other])?;
        if tree::read(&next)? != **result {
            bail!("{} is not as it was planned", next.display());
        }
        Ok(())
    }

    fn draft(&self) -> Result<()> {
        self.layout.make_draft(&[(LIST, self.new.list().as_bytes()), (NUMBERS, self.numbers)])
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
        if is_ours(&layout.before())
            && self.built.as_ref().is_none_or(|built| built.other.root != layout.before())
        {
            retire(&layout.before()).unwrap_or_else(warn);
        }
        if layout.old().exists() && !layout.before().exists() {
            rename(&layout.old(), &layout.before()).unwrap_or_else(warn);
        }
        if !had_base {
            gone(&layout.base_place(self.running.id())).unwrap_or_else(warn);
        }
    }

    /// Removes what is kept of versions that no tree is marked with.
    pub(super) fn prune(&self) -> Result<()> {
        let layout = self.layout;
        retire(&layout.old())?;
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

/// Adds what happens to the journal.
pub(super) fn record(layout: &Layout, event: Event) -> Result<()> {
    let mark = layout.mark(&layout.kept())?.and_then(|mark| Mark::parse(&mark));
    let journal = layout.journal()?.with(mark.as_ref(), now(), event);
    let written = replace::file(&layout.own(), JOURNAL, &journal.text(), 0o600);
    written.with_context(|| format!("writing {}", layout.own().join(JOURNAL).display()))
}

/// Returns the seconds since 1970, by the machine's clock.
fn now() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |time| time.as_secs())
}

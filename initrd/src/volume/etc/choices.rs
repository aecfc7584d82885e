//! What a person decides about the kept `/etc` of the running system, and what waits for it.

use std::fs::File;
use std::path::Path;

use anyhow::{Context as _, Error, Result, bail};
use nix::mount::MsFlags;
use pattern::etc::{self, Entry, Event, Mark, Open, Tree};
use pattern_machine::mounts::{apart, bind};
use pattern_machine::people::banner;
use pattern_machine::tree::{self, Source, build, swap};

use super::layout::{Layout, gone};
use super::steps::{record, sync};
use crate::context::Context;
use crate::volume::place;

/// What is to be exchanged with a path of `/etc`.
pub(super) struct Prepared {
    at: etc::Path,
    number: u32,
    /// The machine's tree that it was made for.
    mine: Tree,
}

/// Where this process alone sees all of the volume.
const VIEW: &str = "/run/pattern/volume";
const BANNER: &str = "53-pattern-etc";

/// The kept `/etc`, and what the volume has beside it.
pub(crate) struct Choices {
    layout: Layout,
    running: Mark,
    /// No two commands change it at once.
    _lock: File,
}

impl Choices {
    /// Finds it on the volume, below what covers it in the running system.
    ///
    /// # Errors
    /// When the volume is not mounted, or has no `/etc` of the running version.
    pub(crate) fn here(ctx: &Context) -> Result<Self> {
        apart().context("making a mount namespace")?;
        // What is mounted below it is not a part of the view.
        bind(place::mounted()?, Path::new(VIEW), MsFlags::empty())?;
        Self::of(
            Layout::new(Path::new(VIEW), Path::new(super::IMAGES)),
            Mark::of(&ctx.usr, &ctx.config.image.version),
        )
    }

    pub(super) fn of(layout: Layout, running: Mark) -> Result<Self> {
        let mark = layout.mark(&layout.kept())?.and_then(|mark| Mark::parse(&mark));
        if mark.as_ref().is_none_or(|mark| mark.id() != running.id()) {
            let is = mark.map_or_else(|| "an unknown version".to_owned(), |mark| mark.to_string());
            bail!(
                "/etc is that of {is}, and could not be brought to {running}; why: journalctl -b -k --grep /etc"
            );
        }
        let own = layout.own();
        let lock = File::open(&own).with_context(|| format!("opening {}", own.display()))?;
        lock.lock().with_context(|| format!("locking {}", own.display()))?;
        Ok(Self { layout, running, _lock: lock })
    }

    /// Returns what happened to it, the oldest first.
    ///
    /// # Errors
    /// When the journal can't be read.
    pub(crate) fn history(&self) -> Result<Vec<Entry>> {
        Ok(self.layout.journal()?.happened(Some(&self.running)).into_iter().cloned().collect())
    }

    /// Returns the conflicts that nobody has settled.
    ///
    /// # Errors
    /// When one of the files can't be read.
    pub(crate) fn conflicts(&self) -> Result<Vec<Open>> {
        open(&self.layout)
    }

    /// Takes the image's for a path. The machine's is kept until another version is started.
    ///
    /// # Errors
    /// When that would lose something, or can't be done. Nothing changed then.
    pub(crate) fn take(&self, path: &etc::Path) -> Result<()> {
        let prepared = self.prepare(path)?;
        self.carry_out(path, prepared)
    }

    /// Makes what is to be there, beside `/etc`.
    pub(super) fn prepare(&self, path: &etc::Path) -> Result<Prepared> {
        let is_withdrawn =
            self.conflicts()?.iter().any(|open| open.noted.path == *path && open.noted.about == "withdrawn");
        let (mine, image) = self.trees()?;
        let taking = etc::take(&mine, &image, path, is_withdrawn)
            .map_err(|why| anyhow::anyhow!("/etc/{path}: {why}"))?;
        let number = self.free_number()?;
        let (aside, kept, factory) = (self.aside(number), self.layout.kept(), self.layout.factory());
        let sources = [Source { root: &kept, tree: &mine }, Source { root: factory, tree: &image }];
        // After a power cut, what is exchanged must not be a name without its content.
        let built = build(&aside, &taking.tree, &sources).and_then(|()| sync(&aside));
        built.inspect_err(|_| left(&aside))?;
        Ok(Prepared { at: taking.at, number, mine })
    }

    pub(super) fn carry_out(&self, path: &etc::Path, prepared: Prepared) -> Result<()> {
        let Prepared { at, number, mine } = prepared;
        self.exchange(path, (&at, number), &mine, Event::Took { path: path.clone(), at: at.clone(), number })
    }

    /// Exchanges what is at a path and what lies aside, and notes it. If it was changed since it was read, or can't be
    /// noted, it is exchanged back.
    fn exchange(
        &self,
        path: &etc::Path,
        (at, number): (&etc::Path, u32),
        read: &Tree,
        event: Event,
    ) -> Result<()> {
        let (kept, aside, is_made) =
            (self.layout.kept(), self.aside(number), matches!(event, Event::Took { .. }));
        swap(&kept, &aside, at)?;
        let done = tree::read(&aside).and_then(|was| {
            if was.within(at).eq(read.within(at)) {
                self.note(event)
            } else {
                Err(anyhow::anyhow!("/etc/{path} changes at this moment; try again"))
            }
        });
        let back = |error: Error| match swap(&kept, &aside, at) {
            Ok(()) => {
                if is_made {
                    left(&aside);
                }
                error
            }
            Err(why) => error.context(format!("{why:#}; what was at /etc/{at} is in {}", aside.display())),
        };
        done.map_err(back)
    }

    /// Lets the machine's stay where there are conflicts, at a path and below.
    ///
    /// # Errors
    /// When none is there, or it can't be noted.
    pub(crate) fn keep(&self, path: &etc::Path) -> Result<()> {
        if !self.conflicts()?.iter().any(|open| open.noted.path.is_within(path)) {
            bail!("/etc/{path}: no conflict is open there; to list them: pattern etc conflicts");
        }
        self.note(Event::Kept { path: path.clone() })
    }

    /// Undoes the last choice. Returns its path.
    ///
    /// # Errors
    /// When nothing can be undone, or what was taken was changed since.
    pub(crate) fn undo(&self) -> Result<etc::Path> {
        let Some(last) = self.layout.journal()?.last(&self.running) else {
            bail!(
                "nothing was taken or kept since this version was started; to go back to the version before: pattern rollback"
            );
        };
        let event = Event::Undid { path: last.path.clone() };
        match &last.took {
            Some((at, number)) => {
                let now = self.require_as_taken(&last.path, at, *number)?;
                self.exchange(&last.path, (at, *number), &now, event)?;
            }
            None => self.note(event)?,
        }
        Ok(last.path)
    }

    /// Fails if a path is not as it was when the image's was taken: a change since then would be lost. Returns the
    /// machine's tree.
    fn require_as_taken(&self, path: &etc::Path, at: &etc::Path, number: u32) -> Result<Tree> {
        let (now, image) = self.trees()?;
        let aside = tree::read(&self.aside(number))?;
        if !etc::is_as_taken(&now, &aside, &image, path, at) {
            bail!(
                "/etc/{path} was changed since the image's was taken, and the change would be lost; save it, run \
                 `cp --archive /usr/share/factory/etc/{path} /etc/{path}`, and try again"
            );
        }
        Ok(now)
    }

    /// Returns a number under which nothing lies. After a power cut, the journal need not know what does.
    fn free_number(&self) -> Result<u32> {
        let mut number = self.layout.journal()?.free_number();
        while self.aside(number).symlink_metadata().is_ok() {
            number = number.saturating_add(1);
        }
        Ok(number)
    }

    /// Returns the machine's tree and the image's.
    fn trees(&self) -> Result<(Tree, Tree)> {
        Ok((tree::read(&self.layout.kept())?, tree::read(self.layout.factory())?))
    }

    /// Returns where the machine's lies after the image's was taken. It goes with what is kept of the version.
    fn aside(&self, number: u32) -> std::path::PathBuf {
        self.layout.base_place(self.running.id()).join(format!("taken-{number}"))
    }

    /// Shows at login that conflicts wait for a person, or no longer shows it.
    ///
    /// # Errors
    /// When it can't be shown.
    pub(crate) fn remind(&self) -> Result<()> {
        remind(&self.layout)
    }

    fn note(&self, event: Event) -> Result<()> {
        record(&self.layout, event)
    }
}

/// Removes what was made, after a failure that is being reported.
fn left(aside: &Path) {
    gone(aside).unwrap_or_else(|error| log::warn!("{error:#}"));
}

/// Returns the open conflicts, without those where the machine has the image's by now.
fn open(layout: &Layout) -> Result<Vec<Open>> {
    let Some(mark) = layout.mark(&layout.kept())?.and_then(|mark| Mark::parse(&mark)) else {
        return Ok(Vec::new());
    };
    let mut open = Vec::new();
    for one in layout.journal()?.open(&mark) {
        let path = &one.noted.path;
        let (mine, image) = (tree::at(&layout.kept(), path)?, tree::at(layout.factory(), path)?);
        if !one.is_settled(mine.as_ref(), image.as_ref()) {
            open.push(one);
        }
    }
    Ok(open)
}

/// Shows at login that conflicts wait for a person, or no longer shows it.
pub(super) fn remind(layout: &Layout) -> Result<()> {
    banner::show(BANNER, etc::reminder(&open(layout)?).as_deref())
}

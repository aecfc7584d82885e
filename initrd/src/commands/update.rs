//! `pattern update` and `pattern rollback`: check what is allowed and fits, have systemd-sysupdate
//! write, and choose what the boot loader starts.

mod connection;
mod delta;
mod own;
mod sysupdate;

pub(super) use connection::ask;

use std::fs::File;

use anyhow::{Context as _, Result, bail};
use pattern::config::limit::Limit;
use pattern::config::version::is_version;
use pattern::table::{Guid, Partition, Table};
use pattern::update::entry::{Entry, Tries};
use pattern::update::metered::{Amount, TooMuch, decide};
use pattern::update::next::Step;
use pattern::update::release::{Part, fits, whole};
use pattern::update::{Installed, Unproved, room};
use pattern_machine::disk::Disk;
use pattern_machine::{esp, output};

use super::{news, slot};
use crate::context::Context;

/// Held while an update works.
const LOCK: &str = "/run/pattern-update.lock";

/// What was done.
pub(crate) enum Done {
    /// A version was installed or chosen.
    Ready,
    /// Nothing newer is offered than what is installed.
    Nothing,
    /// It was said what would be fetched.
    Shown,
    /// It can't be done now.
    Later(Later),
}

/// How a version is to be installed.
#[derive(Clone, Copy)]
pub(crate) struct How {
    /// Even while the running version is on trial.
    pub(crate) force: bool,
    /// Only say what would be fetched.
    pub(crate) dry_run: bool,
    /// How much may be fetched.
    pub(crate) limit: Option<Limit>,
}

/// Why an update has to wait.
pub(crate) enum Later {
    /// The running version is not proved.
    Unproved(Unproved),
    /// Another update works.
    Busy,
    /// More would be fetched than may be.
    TooMuch(TooMuch),
}

/// Installs the newest version.
///
/// # Errors
/// When there is too little room, or systemd-sysupdate fails.
pub(crate) fn newest_offered(ctx: &Context, how: How) -> Result<Done> {
    exclusively(|| {
        let machine = Machine::look(ctx)?;
        only_the_image()?;
        let answer = sysupdate::newest(&ctx.config.image.updates.url);
        news::keep(&answer);
        let Some(version) = answer? else {
            return Ok(Done::Nothing);
        };
        machine.fetch(ctx, &version, how)
    })
}

/// Has the boot loader start this version. Installs it if it is not there, or is damaged.
///
/// # Errors
/// When the version is not offered, there is too little room, or a step fails.
pub(crate) fn this(ctx: &Context, version: &str, how: How) -> Result<Done> {
    if !is_version(version) {
        bail!("{version:?} is not a version that an image can have");
    }
    exclusively(|| {
        let machine = Machine::look(ctx)?;
        if !machine.is_whole(version)? {
            only_the_image()?;
            let done = machine.fetch(ctx, version, how)?;
            if !matches!(done, Done::Ready) {
                return Ok(done);
            }
        }
        if how.dry_run {
            output::line(&format!("Version {version} is installed: nothing would be fetched."))?;
            return Ok(Done::Shown);
        }
        choose(&Machine::look(ctx)?.installed, version)
    })
}

/// Has the boot loader start the version before the running one.
///
/// # Errors
/// When no such version is installed, or it failed.
pub(crate) fn rollback(ctx: &Context) -> Result<Done> {
    exclusively(|| {
        let machine = Machine::look(ctx)?;
        let installed = &machine.installed;
        let running = &installed.running;
        let Some(older) = installed.before() else {
            let stay = installed.waiting().map(|newer| {
                format!("; to stay on {running} and not start {}: pattern update {running}", newer.version)
            });
            bail!(
                "no older version than {running} is installed; to install one: pattern update VERSION{}",
                stay.unwrap_or_default()
            );
        };
        if older.failed() {
            bail!("version {0} failed; to fetch it anew: pattern update {0}", older.version);
        }
        slot::verify(&machine.disk, &machine.table, &older.version).with_context(|| {
            format!("version {0} is damaged; to fetch it anew: pattern update {0}", older.version)
        })?;
        choose(installed, &older.version)
    })
}

/// Does something while no other process does. systemd-sysupdate by itself is not kept out.
fn exclusively(act: impl FnOnce() -> Result<Done>) -> Result<Done> {
    let lock = File::create(LOCK).with_context(|| format!("opening {LOCK}"))?;
    match lock.try_lock() {
        Ok(()) => act(),
        Err(std::fs::TryLockError::WouldBlock) => Ok(Done::Later(Later::Busy)),
        Err(std::fs::TryLockError::Error(error)) => Err(error).with_context(|| format!("locking {LOCK}")),
    }
}

fn only_the_image() -> Result<()> {
    own::only_the_image()
        .context("hiding /etc from systemd-sysupdate, so that the image's keyring alone verifies updates")
}

/// What is there before anything is done.
struct Machine {
    disk: Disk,
    table: Table,
    installed: Installed,
}

impl Machine {
    fn look(ctx: &Context) -> Result<Self> {
        let image = &ctx.config.image;
        esp::sweep(&image.id)?;
        let disk = Disk::behind_usr(&ctx.usr)?;
        let table = disk.table()?.table;
        let installed = esp::installed(&image.id, &image.version, &table)?;
        Ok(Self { disk, table, installed })
    }

    /// Returns whether a version is there and may be started as it is.
    ///
    /// # Errors
    /// When it runs, and was not started from its entry.
    fn is_whole(&self, version: &str) -> Result<bool> {
        let Some(entry) = self.installed.entry(version) else {
            if version == self.installed.running {
                bail!("version {version} runs, but its kernel image is not on the EFI system partition");
            }
            return Ok(false);
        };
        if version == self.installed.running {
            return Ok(true);
        }
        if entry.failed() {
            output::line(&format!("Version {version} failed: fetching it anew."))?;
            return Ok(false);
        }
        let whole = slot::verify(&self.disk, &self.table, version);
        if let Err(error) = &whole {
            output::line(&format!("Version {version} is damaged ({error:#}): fetching it anew."))?;
        }
        Ok(whole.is_ok())
    }

    /// Returns a partition of the other slot.
    fn beside(&self, ctx: &Context, part: Part) -> Option<Partition> {
        self.table.beside(running(ctx, part), part.name())
    }

    /// Returns whether systemd-sysupdate began to write the other slot, and was cut.
    fn is_claimed(&self, ctx: &Context) -> bool {
        Part::ALL.into_iter().any(|part| {
            let beside = self.beside(ctx, part);
            beside.is_some_and(|beside| self.table.is_claimed(running(ctx, part), &beside))
        })
    }

    /// Fetches a version into the other slot.
    fn fetch(&self, ctx: &Context, version: &str, how: How) -> Result<Done> {
        if !is_version(version) {
            bail!("{version:?} is not a version that an image can have");
        }
        if !how.dry_run && self.is_claimed(ctx) {
            sysupdate::give_up_unfinished()?;
        }
        let offered = sysupdate::offered(&ctx.config.image.updates.url, version)?;
        if let Err(closed) = self.installed.gate() {
            if !how.force {
                return Ok(Done::Later(Later::Unproved(closed)));
            }
            output::message(&format!("pattern: {closed}; continuing because of --force"));
        }
        let slot = |part| self.beside(ctx, part).map_or(0, |one| self.table.bytes(one.extent));
        let nothing = || format!("version {version}: nothing was written");
        fits(&offered, slot).with_context(nothing)?;
        let room = esp::room(&self.installed.id, &self.installed.running)?;
        room::check(room).with_context(nothing)?;
        let mut offer = delta::start(ctx, self, version);
        match &offer {
            Ok(offer) => output::line(&format!("Version {version}: {}.", offer.ready))?,
            Err(error) => output::line(&format!("Version {version} is fetched as a whole: {error:#}."))?,
        }
        if let Some(limit) = how.limit {
            let amount = match &offer {
                Ok(offer) => {
                    Amount::new(offer.ready.bytes(), offer.ready.whole_kernel.then_some(room.running))
                }
                Err(_) => Amount::new(whole(&offered, slot), Some(room.running)),
            };
            match decide(version, amount, limit, connection::look) {
                Ok(lifted) => lifted.iter().try_for_each(|lifted| output::line(&lifted.to_string()))?,
                Err(much) => return Ok(Done::Later(Later::TooMuch(much))),
            }
        }
        if how.dry_run {
            return Ok(Done::Shown);
        }
        let waiting = self.put_aside()?;
        let replaced = self.replace_by(version, offer.as_ref().ok());
        offer.iter_mut().for_each(|offer| offer.end(replaced.is_ok()));
        if let (Err(_), Some(waiting)) = (&replaced, waiting.filter(|waiting| waiting.version != version)) {
            restore(ctx, waiting).unwrap_or_else(|error| output::message(&format!("pattern: {error:#}")));
        }
        replaced.with_context(|| format!("installing version {version}"))?;
        Ok(Done::Ready)
    }

    /// Puts a version aside that the boot loader would start next, before it is overwritten: a power
    /// cut in the middle of removing its kernel image leaves one that can't be loaded.
    fn put_aside(&self) -> Result<Option<&Entry>> {
        let waiting = self.installed.waiting();
        if let Some(waiting) = waiting {
            esp::perform(&self.installed.id, &Step::Count(waiting.clone(), Some(Tries::ASIDE)))?;
        }
        Ok(waiting)
    }

    fn replace_by(&self, version: &str, offer: Option<&delta::Offer>) -> Result<()> {
        if self.installed.entry(version).is_some() {
            sysupdate::give_up_others()?;
        }
        match offer {
            Some(offer) => sysupdate::install_from(version, offer.definitions()),
            None => sysupdate::install(version),
        }
    }
}

/// Has the boot loader start a version again that was put aside in vain, if it is still whole: the
/// server may not have answered. systemd-sysupdate takes the labels of what it is about to overwrite.
fn restore(ctx: &Context, waiting: &Entry) -> Result<()> {
    let installed = Machine::look(ctx)?.installed;
    match installed.entry(&waiting.version) {
        Some(aside) => esp::perform(&installed.id, &Step::Count(aside.clone(), waiting.tries)),
        None => Ok(()),
    }
}

/// Returns the UUID of a partition of the running version.
fn running(ctx: &Context, part: Part) -> Guid {
    match part {
        Part::Usr => ctx.usr.data(),
        Part::Verity => ctx.usr.tree(),
    }
}

fn choose(installed: &Installed, version: &str) -> Result<Done> {
    let entry = installed.entry(version).with_context(|| format!("version {version} is not installed"))?;
    for step in installed.start(entry)? {
        esp::perform(&installed.id, &step)?;
    }
    Ok(Done::Ready)
}

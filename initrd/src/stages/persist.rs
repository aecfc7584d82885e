//! `pattern-persist`: makes the persistent volume, or opens it.

mod absent;
mod create;
mod open;
mod site;
mod tend;
mod without_tpm;

use anyhow::{Context as _, Error, Result};
use pattern::table::target;
use pattern::volume::admission::Giver;
use pattern::volume::{Lock, lock};
use pattern_machine::boot::Boot;
use pattern_machine::disk::Disk;
use pattern_machine::tpm_device;
use pattern_machine::uki::Companions;

use crate::context::Context;
use crate::stage::Report;
use crate::tpm::measure;
use crate::volume::bound;
use crate::volume::etc;
use crate::volume::means::Means;
use crate::volume::mounts;
use crate::volume::rollback;
use crate::volume::shape;
use crate::volume::var;
use absent::Absent;
use site::Site;

/// Finds the volume, or a place for it, in the table. Opens the volume or makes it.
///
/// # Errors
/// When something else is there, or there is no room, no TPM to seal to, or nobody who knows a key.
pub(crate) fn run(ctx: &Context) -> Result<Report> {
    let disk = Disk::behind_usr(&ctx.usr)?;
    disk.check(&ctx.config.partitions.disk)?;
    let found = disk.table()?;
    let about_table = || format!("partition table of {}", disk.path().display());
    let target = target(&found, &shape::wanted(ctx)).with_context(about_table);
    if ctx.flags.plan_only {
        // The stage before has not changed the table.
        return Site::find(&disk, target?.planned())?.plan(&ctx.config);
    }
    let site = Site::find(&disk, &found.table)?;
    tpm_device::wait();
    let boot = Boot::look(&ctx.config)?;
    let brought = Companions::read();
    measure::enter(&ctx.tcti, ctx.config.debug)?;
    let means = brought.as_ref().map(|brought| Means::new(&ctx.config, &boot, &ctx.tcti, brought));
    if !site.listed {
        shape::require(&target?).with_context(about_table)?;
        let means = means.map_err(|flaw| Error::msg(format!("{flaw:#}"))).with_context(|| site.making())?;
        let lock = lock(ctx.config.volume.tpm, tpm_device::signs()).with_context(|| site.making())?;
        if absent::decide(&means, lock, &site).with_context(|| site.making())? == Absent::Make {
            let (made, by) = match lock {
                Lock::Tpm => (create::create(means, &site, &found), ""),
                Lock::Passphrase => (without_tpm::create(means, &site, &found), ", opened by a passphrase"),
            };
            made.with_context(|| site.making())?;
            show(ctx, |_| true).with_context(|| site.volume())?;
            let kind = ctx.config.volume.filesystem.name();
            return Ok(Report { found: site.free(), decided: format!("made one with {kind}{by}") });
        }
    }
    let in_use = open::open(ctx, &boot, means, &site).with_context(|| site.volume())?;
    if !site.listed {
        site.list(&found).with_context(|| site.volume())?;
    }
    if in_use.opened.giver != Giver::Person {
        bound::note(&in_use.uuid);
    }
    tend::tend(ctx, &boot, means, &site.device, &in_use);
    show(ctx, |directory| in_use.made(directory)).with_context(|| site.volume())?;
    Ok(in_use.report(site.listed))
}

/// Puts what is kept into the root of the system. `is_new` says whether a directory was made in this boot.
fn show(ctx: &Context, is_new: impl Fn(&str) -> bool) -> Result<()> {
    let volume = mounts::mount()?;
    if ctx.flags.grow {
        mounts::grow();
    }
    // First what the version before left is kept, or put back, and then it is brought to this version.
    rollback::tend(ctx, volume);
    etc::follow(ctx, volume, is_new("etc"));
    // The numbers of users are those of the kept /etc.
    var::follow(ctx, volume, is_new("var"));
    mounts::bind_all(&ctx.config.partitions.persist)
}

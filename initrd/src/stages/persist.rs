//! `pattern-persist`: makes the persistent volume, or opens it.

mod absent;
mod create;
mod open;

use std::path::Path;

use anyhow::{Context as _, Result};
use pattern::config::Config;
use pattern::table::{PERSIST_LEAST, PersistPlace, persist};
use pattern::volume::Locks;

use crate::context::Context;
use crate::machine::boot::Boot;
use crate::machine::disk::Disk;
use crate::machine::trial;
use crate::stage::Report;
use crate::volume::candidate::Candidate;
use crate::volume::place::recognised;
use crate::volume::request::Request;
use crate::volume::{ahead, directories, lockout, recovery_key, renewal, shape};

/// Finds the volume, or a place for it, in the table. Opens the volume or makes it.
///
/// # Errors
/// When something else is there, or there is no room, no TPM to seal to, or nobody who knows a key.
pub(crate) fn run(ctx: &Context) -> Result<Report> {
    let disk = Disk::behind_usr(&ctx.usr)?;
    disk.check(&ctx.config.partitions.disk)?;
    let found = disk.table()?;
    // In a boot that only plans, the stage before has not changed the table.
    let table = if ctx.flags.plan_only { shape::planned(ctx, &found)? } else { found.table.clone() };
    let place = persist(&table, PERSIST_LEAST).with_context(|| format!("disk {}", disk.path().display()))?;
    match place {
        PersistPlace::Existing { number, .. } => existing(ctx, &disk.partition_path(number)),
        PersistPlace::Free { number, extent } => absent::absent(ctx, &disk, &found, number, extent),
    }
}

fn existing(ctx: &Context, device: &Path) -> Result<Report> {
    let about = || format!("persist volume {}", device.display());
    let (header, locks) = recognised(device).with_context(about)?;
    let found = format!("{} on {}", described(&locks), device.display());
    if ctx.flags.plan_only {
        return Ok(Report { found, decided: "planned only: open it".to_owned() });
    }
    let boot = Boot::look(&ctx.config)?;
    let opened = open::open(device, &header, &locks, &ctx.config, boot).with_context(about)?;
    let (key, decided) = (&opened.key, opened.how);
    let (made, asked) = directories::complete(&ctx.config).with_context(about)?;
    if locks.tokens.iter().any(|token| token.pin.is_some()) {
        lockout::at_boot();
    }
    let candidate = Candidate { device, uuid: header.uuid(), key };
    let pin = opened.pin.as_deref();
    let mut slots = opened.slots.as_deref();
    // During a trial this waits for a boot with a person at the console.
    if !asked.is_empty() && !trial::running() {
        let done = requested(&ctx.config, device, &candidate, &asked);
        done.unwrap_or_else(|error| log::warn!("{}: {error:#}", device.display()));
        // Only a key that the TPM gave is replaced without a person. If the TPM refused, a person
        // has to bind the volume again.
        if ctx.config.volume.counter && opened.by_tpm && boot.may_record(&ctx.config) {
            match renewal::at_boot(&ctx.config, &candidate, pin).context("replacing the TPM's key") {
                Ok(()) => slots = Some(&[]),
                Err(error) => log::warn!("{}: {error:#}", device.display()),
            }
        }
    }
    if let Some(slots) = slots {
        ahead::tend(&ctx.config, boot, &candidate, slots, (pin, &ahead::Root::Device));
    }
    let decided = if made.is_empty() { decided } else { format!("{decided}, made {}", made.join(" and ")) };
    Ok(Report { found, decided })
}

/// Makes a new recovery key, if one was requested.
fn requested(config: &Config, device: &Path, volume: &Candidate<'_>, asked: &[Request]) -> Result<()> {
    if !asked.contains(&Request::Recovery) {
        return Ok(());
    }
    recovery_key::at_boot(config, device, volume.key).context("making a new recovery key")
}

fn described(locks: &Locks) -> String {
    let tokens = locks.tokens.len() + locks.unusable.len();
    let recovery = if locks.recovery { "a recovery key" } else { "no recovery key" };
    format!("a volume with {tokens} TPM token{} and {recovery}", if tokens == 1 { "" } else { "s" })
}

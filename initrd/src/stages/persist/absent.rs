//! Handles a partition table without a volume: makes one, or lists an existing one again. See
//! [`pattern::volume::creation`].

use std::path::Path;

use anyhow::{Context as _, Result, bail};
use pattern::table::{Extent, Found, ResetPlace, reset_place};
use pattern::volume::reset::WORD;
use pattern::volume::{Creation, creation, place};

use super::{create, described, open};
use crate::context::Context;
use crate::machine::boot::Boot;
use crate::machine::disk::Disk;
use crate::machine::tpm::Tcti;
use crate::machine::{random, trial, uki};
use crate::people::ask;
use crate::stage::Report;
use crate::volume::identity::Registry;
use crate::volume::place::recognised;
use crate::volume::{directories, lockout, luks, shape};

/// Looks at the place that a volume would have. Makes a volume, lists an existing one again, or
/// asks.
///
/// # Errors
/// When the disk has too little room, the machine has no TPM, or nobody confirms on the console
/// that a volume may be made.
pub(super) fn absent(
    ctx: &Context,
    disk: &Disk,
    table: &Found,
    number: u32,
    extent: Extent,
) -> Result<Report> {
    let device = disk.partition_path(number);
    let mebibytes = table.table.bytes(extent) >> 20;
    let found = format!("no persist volume, {mebibytes} MiB free for {}", device.display());
    let kind = ctx.config.volume.filesystem.name();
    if ctx.flags.plan_only {
        return Ok(Report { found, decided: format!("planned only: make one with {kind}") });
    }
    shape::require(ctx, table).with_context(|| format!("partition table of {}", disk.path().display()))?;
    let boot = Boot::look(&ctx.config)?;
    let making = || format!("making the persist volume on {}", device.display());
    // Only the kernel learns of this partition, so that its content can be read.
    disk.add_partition(number, extent, &table.table).with_context(making)?;
    match decide_creation(ctx, boot, table, &device).with_context(making)? {
        Creation::Restore => return restore(ctx, boot, disk, table, (number, extent)),
        Creation::Ask(what) => ask_owner(&what, &device).with_context(making)?,
        Creation::Refuse(known) => bail!("{}: {}", making(), refusal(known)),
        Creation::Make => {}
    }
    create::create(&ctx.config, boot, disk, table, number, extent).with_context(making)?;
    if ctx.config.volume.pin {
        lockout::at_boot();
    }
    Ok(Report { found, decided: format!("made one with {kind}") })
}

/// Decides by the content of the place and by what the TPM knows.
fn decide_creation(ctx: &Context, boot: Boot, table: &Found, device: &Path) -> Result<Creation> {
    let given_up = matches!(reset_place(&table.table)?, ResetPlace::Begun(_));
    let place = place(&luks::head(device)?, &luks::look(device)?);
    let (tcti, signatures) = (Tcti::default(), uki::signatures()?);
    let registry = Registry::open(&ctx.config, boot, &tcti, (uki::key()?, signatures.as_ref()), None)?;
    Ok(creation(given_up, &place, registry.known()?))
}

fn refusal(known: usize) -> String {
    let volumes =
        if known == 1 { "a volume that is".to_owned() } else { format!("{known} volumes that are") };
    format!(
        "this machine's TPM knows {volumes} not on this disk, and makes no other beside; nothing was changed. Put the disk with \
         the volume back. If the volume is gone for good, clear the TPM in the firmware's setup, and restart"
    )
}

/// Asks on the console whether to make a volume nevertheless. Without an answer none is made.
fn ask_owner(what: &str, device: &Path) -> Result<()> {
    let doubt = format!("the place for the volume begins with {what}");
    if trial::running() {
        bail!("{doubt}; this version is on trial, so nobody is asked; nothing was changed");
    }
    let device = device.display();
    let question = format!(
        "{doubt}. A new volume on {device} replaces it. Type {WORD} to make one, anything else to leave all as it is:"
    );
    if ask::word(&question, ask::PATIENCE).is_some_and(|answer| answer.trim() == WORD) {
        return Ok(());
    }
    bail!("{doubt}, and nobody typed {WORD:?} on the console; nothing was changed; restart to be asked again")
}

/// Opens a volume whose entry in the table was lost, and lists it again.
fn restore(
    ctx: &Context,
    boot: Boot,
    disk: &Disk,
    table: &Found,
    (number, extent): (u32, Extent),
) -> Result<Report> {
    let device = disk.partition_path(number);
    let about = || format!("persist volume {}, which the partition table does not list", device.display());
    let (header, locks) = recognised(&device).with_context(about)?;
    let decided = open::open(&device, &header, &locks, &ctx.config, boot).with_context(about)?.how;
    let (made, _) = directories::complete(&ctx.config).with_context(about)?;
    let listed = table.table.with_persist(number, extent, random::partition_uuid()?);
    disk.commit(table, &listed).with_context(about)?;
    disk.announce(number).unwrap_or_else(|error| log::warn!("{error:#}"));
    let found =
        format!("{} on {}, which the partition table did not list", described(&locks), device.display());
    let made = if made.is_empty() { String::new() } else { format!(", made {}", made.join(" and ")) };
    Ok(Report { found, decided: format!("{decided}, listed it again{made}") })
}

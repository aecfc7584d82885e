//! `pattern-reset`: gives the persistent volume up if a reset was requested, and overwrites its
//! keys.

mod erase;

use std::path::Path;

use anyhow::{Context as _, Result, bail};
use pattern::table::{Found, Partition, Source, reset_place};
use pattern::volume::reset::{Decision, WORD, decide, vouch, vouch_begun};
use pattern_machine::disk::Disk;
use pattern_machine::people::ask;
use pattern_machine::{reboot, tpm_device};

use crate::context::Context;
use crate::stage::Report;
use crate::tpm::Tcti;
use crate::volume::lost::Lost;
use crate::volume::{identity, luks, place, reset_request};
use erase::Claim;

/// Checks whether a reset was requested or begun. Asks, gives the volume up, and overwrites its
/// keys.
///
/// # Errors
/// When a volume that was given up can't be overwritten, because nothing new may be made there. If
/// nothing was given up, this does not fail: the volume stays as it is, and the boot goes on with
/// it.
pub(crate) fn run(ctx: &Context) -> Result<Report> {
    let disk = Disk::behind_usr(&ctx.usr)?;
    disk.check(&ctx.config.partitions.disk)?;
    let found = disk.table()?;
    let place = reset_place(&found.table).with_context(|| format!("disk {}", disk.path().display()))?;
    let request = reset_request::read();
    let decision = decide(place, request.as_deref(), ctx.flags.reset);
    let seen = if request.is_some() { "a request" } else { "no request" };
    let decided = if ctx.flags.plan_only {
        format!("planned only: {}", words(&decision))
    } else {
        carry_out(ctx, &disk, &found, &decision)?
    };
    Ok(Report { found: format!("{seen} for a factory reset"), decided })
}

fn carry_out(ctx: &Context, disk: &Disk, found: &Found, decision: &Decision) -> Result<String> {
    match decision {
        Decision::Nothing => Ok("nothing to do".to_owned()),
        Decision::Forget => {
            reset_request::forget();
            Ok("removed the request: its volume is gone".to_owned())
        }
        Decision::Ask(part) => offer(ctx, disk, found, part),
        Decision::GiveUp(part) => {
            let done = let_go(&ctx.tcti, disk, found, part).map(|claim| give_up(disk, found, part, &claim));
            done.unwrap_or_else(|error| {
                reset_request::forget();
                Ok(kept(&error))
            })
        }
        Decision::Erase(part) => {
            // Two partitions may share what is erased.
            found.changeable().with_context(|| about_table(disk))?;
            let claim = prove_begun(disk, part)?;
            reset_request::forget();
            erase(disk, part, &claim)
        }
    }
}

fn words(decision: &Decision) -> &'static str {
    match decision {
        Decision::Nothing => "nothing to do",
        Decision::Forget => "remove the request: its volume is gone",
        Decision::Ask(_) => "ask whether to erase the volume",
        Decision::GiveUp(_) => "erase the volume",
        Decision::Erase(_) => "finish erasing the volume",
    }
}

/// Asks on the console, once. A reset that was confirmed there ends with a restart, so that the new
/// volume is made in a boot like those that will open it.
fn offer(ctx: &Context, disk: &Disk, found: &Found, part: &Partition) -> Result<String> {
    let lost = Lost::look(ctx, disk, found, part);
    let question =
        format!("Factory reset: this erases {lost}. Type {WORD} to go on, anything else to keep it:");
    if ask::word(&question, ask::PATIENCE).is_none_or(|answer| answer.trim() != WORD) {
        reset_request::forget();
        return Ok("kept the volume: nobody confirmed the factory reset".to_owned());
    }
    let claim = match let_go(&ctx.tcti, disk, found, part) {
        Ok(claim) => claim,
        Err(error) => {
            reset_request::forget();
            return Ok(kept(&error));
        }
    };
    let done = give_up(disk, found, part, &claim)?;
    log::info!("{done}; restarting");
    restart(disk).unwrap_or_else(|error| log::warn!("{error:#}; the new volume is made in this boot"));
    Ok(done)
}

fn kept(error: &anyhow::Error) -> String {
    log::error!("no factory reset: {error:#}");
    "kept the volume".to_owned()
}

/// Fails if the partition is not our volume, is in use, or is on a disk whose table is in doubt.
/// Writes nothing.
fn prove(disk: &Disk, found: &Found, part: &Partition) -> Result<Claim> {
    let device = disk.partition_path(part.number);
    let about = || format!("persist volume {}", device.display());
    found.changeable().with_context(|| about_table(disk))?;
    if found.source != Source::Both {
        bail!("{}: {}; see why pattern-grow.service did not repair it", about_table(disk), found.source);
    }
    vouch(&luks::look(&device).with_context(about)?).with_context(about)?;
    Claim::new(&device).with_context(about)
}

fn about_table(disk: &Disk) -> String {
    format!("partition table of {}", disk.path().display())
}

/// Removes the TPM's record before anything is written to the disk. So if only the label says that
/// a volume was given up, the TPM still knows it, and no new volume is made in its place. A cut
/// after this leaves a volume that the TPM does not know. It can be given up again.
fn let_go(tcti: &Tcti, disk: &Disk, found: &Found, part: &Partition) -> Result<Claim> {
    let claim = prove(disk, found, part)?;
    forget(tcti, &disk.partition_path(part.number))?;
    Ok(claim)
}

/// Fails if a partition with the label of a begun reset is neither our volume nor the rest of one.
/// Writes nothing.
fn prove_begun(disk: &Disk, part: &Partition) -> Result<Claim> {
    let device = disk.partition_path(part.number);
    let about = || format!("{}, where a factory reset was begun", device.display());
    vouch_begun(&luks::look(&device).with_context(about)?).with_context(about)?;
    Claim::new(&device).with_context(about)
}

/// Writes the table before the keys: a cut before its last write leaves the volume complete. Once
/// the table says that the reset began, the request is no longer needed.
fn give_up(disk: &Disk, found: &Found, part: &Partition, claim: &Claim) -> Result<String> {
    disk.commit(found, &found.table.with_reset(part.number))?;
    reset_request::forget();
    erase(disk, part, claim)
}

/// Overwrites what opens the volume, and tells the disk to discard the rest.
fn erase(disk: &Disk, part: &Partition, claim: &Claim) -> Result<String> {
    let device = disk.partition_path(part.number);
    claim.erase().with_context(|| format!("erasing {}", device.display()))?;
    // udev still links it as the volume.
    disk.announce(part.number).unwrap_or_else(|error| log::warn!("{error:#}"));
    Ok(format!("erased the keys of {}, a new volume takes its place", device.display()))
}

/// Restarts. The mark is removed, because this is an orderly end although systemd does not stop
/// units.
fn restart(disk: &Disk) -> Result<()> {
    disk.boot_mark()?.map_or(Ok(()), |mark| mark.remove())?;
    reboot::now()
}

/// Removes the TPM's record of the volume.
fn forget(tcti: &Tcti, device: &Path) -> Result<()> {
    match place::uuid(device).filter(|_| tpm_device::exists()) {
        Some(uuid) => identity::forget(tcti, &uuid).context("removing the TPM's record of the volume"),
        None => Ok(()),
    }
}

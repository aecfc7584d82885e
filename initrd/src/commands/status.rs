//! `pattern status`: what runs, what the next boot starts, the volume, and what a person should do.

use std::path::Path;
use std::process::ExitCode;

use anyhow::Result;
use nix::sys::statvfs::statvfs;
use pattern::firmware::secure_boot;
use pattern::status::{Status, Volume};
use pattern::table::{ResetPlace, reset_place};
use pattern::update::room;
use pattern::volume::recovery;
use pattern::volume::reset::wish;
use pattern_machine::disk::Disk;
use pattern_machine::{boot, damage, esp, output, tpm_device};

use super::{check_update, etc, news, slot, unfinished};
use crate::context::Context;
use crate::volume::{place, reminder, request, reset_request};

/// Prints the state. `verify` reads the other slot. Returns 1 if a person should do something.
///
/// # Errors
/// When the disk, the volume or the EFI system partition can't be read, or the state can't be written.
pub(super) fn status(ctx: &Context, as_json: bool, verify: bool) -> Result<ExitCode> {
    let status = look(ctx, verify)?;
    if as_json {
        output::line(&status.json().to_string())?;
    } else {
        output::lines(&status.lines())?;
    }
    Ok(if status.to_do().is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn look(ctx: &Context, verify: bool) -> Result<Status> {
    let outlook = check_update::look(ctx)?;
    let disk = Disk::behind_usr(&ctx.usr)?;
    let table = disk.table()?.table;
    let part = match reset_place(&table)? {
        ResetPlace::Volume(part) => Some(part),
        ResetPlace::Begun(_) | ResetPlace::Nothing => None,
    };
    let volume = part.as_ref().map(|part| volume(&disk.partition_path(part.number))).transpose()?;
    let request = part.and_then(|part| wish(&reset_request::read()?, &part));
    let other = outlook.installed.entries.iter().find(|entry| entry.version != outlook.installed.running);
    let verified = other.filter(|_| verify).map(|entry| {
        let result = slot::verify(&disk, &table, &entry.version);
        (entry.version.clone(), result.map_err(|error| format!("{error:#}")))
    });
    let warnings = warnings(ctx, volume.as_ref());
    Ok(Status {
        url: ctx.config.image.updates.url.clone(),
        news: news::kept(),
        now: news::now(),
        verified,
        reset: request.is_some(),
        unfinished: unfinished::look(&disk, &table, &ctx.usr),
        kept: ctx.config.partitions.persist.asked().collect(),
        outlook,
        volume,
        warnings,
    })
}

fn volume(device: &Path) -> Result<Volume> {
    let mounted = place::mounted().ok().and_then(|path| statvfs(path).ok());
    let bytes = |facts: &nix::sys::statvfs::Statvfs, blocks| facts.fragment_size() * blocks;
    Ok(Volume {
        device: device.display().to_string(),
        room: mounted.map(|facts| (bytes(&facts, facts.blocks()), bytes(&facts, facts.blocks_available()))),
        recovery: place::header(device)?.recovery_slots(),
        new_key: request::is_waiting(),
    })
}

fn warnings(ctx: &Context, volume: Option<&Volume>) -> Vec<String> {
    let image = &ctx.config.image;
    let mut found: Vec<String> = damage::degraded().into_iter().collect();
    found.extend(secure_boot::warning(boot::secure_boot(), &ctx.config, tpm_device::exists()));
    let keys = volume.and_then(|volume| {
        let header = place::header(Path::new(&volume.device)).ok()?;
        recovery::warning(&volume.recovery, reminder::is_needed(&ctx.config, &header))
    });
    found.extend(keys.map(str::to_owned));
    found.extend(etc::waiting(ctx));
    let full = esp::room(&image.id, &image.version).map(room::check);
    found.extend(full.ok().and_then(Result::err).map(|full| format!("No update fits: {full}")));
    found
}

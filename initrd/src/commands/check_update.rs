//! `pattern check-update`: says which version the next boot starts and why, and predicts whether it
//! can open the persist volume.

use std::process::ExitCode;

use anyhow::Result;
use pattern::update::next::Next;
use pattern::update::outlook::Outlook;
use pattern_machine::disk::Disk;
use pattern_machine::{esp, output};

use super::forecast::Forecast;
use crate::context::Context;
use crate::volume::place;

/// Looks at what is installed, and predicts whether what the boot loader starts next opens the volume, if there is one.
///
/// # Errors
/// When the volume or the EFI system partition can't be read.
pub(super) fn look(ctx: &Context) -> Result<Outlook> {
    let image = &ctx.config.image;
    let table = Disk::behind_usr(&ctx.usr)?.table()?.table;
    let installed = esp::installed(&image.id, &image.version, &table)?;
    let mut outlook = Outlook::of(installed);
    let Some(Next::Version(entry, _)) = outlook.next.clone() else { return Ok(outlook) };
    if place::listed(ctx)?.is_none() {
        return Ok(outlook);
    }
    let forecast = Forecast::gather(ctx, &outlook.installed)?;
    let (verdict, registers) = forecast.of(&entry)?;
    (outlook.verdict, outlook.registers) = (Some(verdict), registers);
    if let Some(other) = outlook.fallback_entry() {
        outlook.fallback = Some((other.version.clone(), forecast.of(&other)?.0));
    }
    Ok(outlook)
}

/// Prints an outlook. Returns the exit status.
///
/// # Errors
/// When it can't be written.
pub(super) fn tell(outlook: &Outlook, as_json: bool) -> Result<ExitCode> {
    if as_json {
        output::line(&outlook.json().to_string())?;
    } else {
        output::lines(&outlook.lines())?;
    }
    Ok(ExitCode::from(outlook.code()))
}

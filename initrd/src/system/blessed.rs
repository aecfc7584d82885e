//! `pattern-health --blessed`: removes the copy of the state from before the trial, once the version was found to be
//! good. From then on an earlier version gets the state that there is.

use anyhow::Result;
use pattern::etc::Mark;
use pattern::update::entry::State;
use pattern_machine::disk::Disk;
use pattern_machine::esp;

use crate::context::Context;
use crate::stage::Report;
use crate::volume::{confine, place, rollback};

/// Removes it. A failure is not the version's: it is good already, and the next boot removes the copy.
///
/// # Errors
/// None. Those of a stage count against a version on trial.
pub(crate) fn run(ctx: &Context) -> Result<Report> {
    let decided = keep(ctx).unwrap_or_else(|error| {
        log::error!("{error:#}");
        "the next boot removes the copy of the state from before the trial"
    });
    Ok(Report {
        found: format!("version {} after its trial", ctx.config.image.version),
        decided: decided.to_owned(),
    })
}

fn keep(ctx: &Context) -> Result<&'static str> {
    let image = &ctx.config.image;
    let table = Disk::behind_usr(&ctx.usr)?.table()?.table;
    let installed = esp::installed(&image.id, &image.version, &table)?;
    let running = installed.entries.iter().find(|entry| entry.version == image.version);
    if running.is_none_or(|entry| entry.state() != State::Good) {
        return Ok("it was not found to be good yet: the copy of the state from before it stays");
    }
    let volume = place::mounted()?;
    confine::uncover(volume)?;
    let is_removed = rollback::keep(volume, &Mark::of(&ctx.usr, &image.version))?;
    Ok(if is_removed { "removed the copy of the state from before the trial" } else { "nothing to remove" })
}

//! `pattern-grow`: brings the partition table of the boot disk to its target shape.

use anyhow::{Context as _, Result};
use pattern::table::{Decision, Found, Refusal, target};
use pattern_machine::disk::Disk;
use pattern_machine::random::uuid;

use crate::context::Context;
use crate::stage::Report;
use crate::volume::shape;

/// Reads the table, decides, commits the new table and tells the kernel.
///
/// # Errors
/// When the table can't be read or can't get its shape, or a write or a request to the kernel
/// fails.
pub(crate) fn run(ctx: &Context) -> Result<Report> {
    let disk = Disk::behind_usr(&ctx.usr)?;
    disk.check(&ctx.config.partitions.disk)?;
    let found = disk.table()?;
    let decision = target(&found, &shape::wanted(ctx));
    if let Some(reason) = idle(ctx) {
        return Ok(report(&disk, &found, format!("{reason}: {}", described(&decision))));
    }
    let decision = decision.with_context(|| format!("partition table of {}", disk.path().display()))?;
    decision.lacks.iter().for_each(|refusal| log::warn!("{refusal}"));
    let table = decision.table([uuid()?, uuid()?]);
    // The kernel leaves out what is not on the disk, and is not told of it again.
    if found.changeable().is_ok() {
        disk.commit(&found, &table)?;
        disk.tell_kernel(&table)?;
    }
    Ok(report(&disk, &found, decision.to_string()))
}

/// Returns why this boot changes nothing, if so.
fn idle(ctx: &Context) -> Option<&'static str> {
    let flags = &ctx.flags;
    let reasons = [
        (flags.plan_only, "planned only"),
        (flags.volatile, "volatile boot"),
        (!flags.grow, "growth is off"),
    ];
    reasons.into_iter().find(|(given, _)| *given).map(|(_, reason)| reason)
}

fn described(decision: &Result<Decision, Refusal>) -> String {
    match decision {
        Ok(decision) => decision.to_string(),
        Err(refusal) => refusal.to_string(),
    }
}

fn report(disk: &Disk, found: &Found, decided: String) -> Report {
    let count = found.table.partitions().count();
    Report { found: format!("{count} partitions on {}, {}", disk.path().display(), found.source), decided }
}

//! Brings the kept `/etc` to the version that starts, once for each version. [`pattern::etc`] decides.
//!
//! The directory itself has a mark: the version that it was last brought to. So an ordinary boot reads one
//! attribute. Nothing here ends a boot: after a failure, the system starts with the `/etc` that is there.

pub(super) mod layout;
pub(super) mod steps;
#[cfg(test)]
mod tests;

use std::path::Path;

use anyhow::{Context as _, Error, Result};
use pattern::etc::{Mark, Next, Numbers, Summary, Unknown, next, plan};
use pattern_machine::factory::FACTORY;
use pattern_machine::tree;

use crate::context::Context;
use layout::{Base, Layout};
use steps::{Built, FOLLOW, NOTE, Step, Work};

/// So many conflicts have a line of their own in the log.
const TOLD: usize = 20;
/// Bytes of a line of the kernel's log, with room for what is written before it (`LOG_LINE_MAX` is 1024).
const LINE: usize = 800;

/// Does it on the mounted volume, before `/etc` is bound. `is_new`: whether it was made in this boot.
pub(crate) fn follow(ctx: &Context, volume: &Path, is_new: bool) {
    if !ctx.config.partitions.persist.etc {
        return;
    }
    let running = Mark::of(&ctx.usr, &ctx.config.image.version);
    let layout = Layout::new(volume, Path::new(FACTORY));
    bring(&layout, &running, is_new).unwrap_or_else(|error| log::error!("{error:#}; /etc stays as it is"));
}

fn bring(layout: &Layout, running: &Mark, is_new: bool) -> Result<()> {
    let found = layout.mark(&layout.kept())?;
    match next(found.as_deref(), running, is_new) {
        Next::Nothing => Ok(()),
        // Something else writes /etc, such as the activation of NixOS.
        _ if !layout.factory().is_dir() => Ok(()),
        Next::Begin => note(layout, running),
        Next::Adopt(why) => adopt(layout, running, why),
        Next::Follow(from) => {
            let about = || format!("bringing /etc from {from} to {running}");
            match layout.base(from.id()).with_context(about)? {
                Some(base) => merge(layout, running, &from, &base).with_context(about),
                None => adopt(layout, running, Unknown::Lost),
            }
        }
    }
}

/// Merges, and says what came out.
fn merge(layout: &Layout, running: &Mark, from: &Mark, base: &Base) -> Result<()> {
    let (mine, new) = (tree::read(&layout.kept())?, tree::read(layout.factory())?);
    let plan = plan(&base.tree, &mine, &new, &base.numbers);
    let is_same = plan.actions.is_empty();
    let numbers = plan.numbers.text();
    let built = (!is_same).then_some(Built { mine: &mine, result: &plan.result });
    let work = Work { layout, running, new: &new, numbers: &numbers, built };
    carry_out(&work, if is_same { NOTE } else { FOLLOW })?;
    log::info!("{}", short(&format!("brought /etc from {from} to {running}: {}", Summary(&plan))));
    for conflict in plan.conflicts.iter().take(TOLD) {
        log::warn!("{}", short(&format!("/etc/{conflict}")));
    }
    Ok(())
}

/// The kernel refuses longer lines, and a path may have thousands of bytes.
fn short(line: &str) -> &str {
    line.get(..line.floor_char_boundary(LINE)).unwrap_or(line)
}

/// Takes the running version's own as what a later plan compares with, and changes nothing.
fn adopt(layout: &Layout, running: &Mark, why: Unknown) -> Result<()> {
    note(layout, running)?;
    log::warn!(
        "it is not known which version's /etc the kept one came from: {why}; nothing was changed, and it follows the image \
         from {running} on; what differs: pattern etc diff"
    );
    Ok(())
}

fn note(layout: &Layout, running: &Mark) -> Result<()> {
    let about = || format!("noting that /etc is that of {running}");
    let new = tree::read(layout.factory()).with_context(about)?;
    let numbers = Numbers::default().text();
    let work = Work { layout, running, new: &new, numbers: &numbers, built: None };
    carry_out(&work, NOTE).with_context(about)
}

/// Does all steps. If one fails, what was begun is removed.
fn carry_out(work: &Work<'_>, steps: &[Step]) -> Result<()> {
    let had_base = work.has_base();
    work.run(steps).inspect_err(|_| work.undo(had_base))?;
    work.prune().unwrap_or_else(|error: Error| log::warn!("{error:#}"));
    Ok(())
}

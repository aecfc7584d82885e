//! Brings the kept `/etc` to the version that starts, once for each version. [`pattern::etc`] decides.
//!
//! The directory itself has a mark: the version that it was last brought to. So an ordinary boot reads one
//! attribute. Nothing here ends a boot: after a failure, the system starts with the `/etc` that is there.

mod choices;
pub(super) mod layout;
pub(super) mod steps;
#[cfg(test)]
mod tests;

use std::path::Path;

use anyhow::{Context as _, Error, Result};
use pattern::etc::{Event, Forth, Mark, Next, Numbers, Plan, Summary, Tree, Unknown, back, plan};
use pattern_machine::factory::FACTORY;
use pattern_machine::tree::{self, Source};

use crate::context::Context;
pub(crate) use choices::Choices;
use layout::Layout;
use steps::{Built, FOLLOW, NOTE, Step, Work};

/// The running version's own, in the running system.
const IMAGES: &str = "/usr/share/factory";
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
    bring(&layout, &running, is_new, &carry_out)
        .unwrap_or_else(|error| log::error!("{error:#}; /etc stays as it is"));
    choices::remind(&layout).unwrap_or_else(|error| log::warn!("{error:#}"));
}

/// Carries steps out. Tests have a power cut end it.
type Carry<'a> = dyn Fn(&Work<'_>, &[Step]) -> Result<()> + 'a;

fn bring(layout: &Layout, running: &Mark, is_new: bool, carry: &Carry<'_>) -> Result<()> {
    let next = layout.decide(running, is_new)?;
    if next == Next::Nothing || !layout.factory().is_dir() {
        // Without a factory directory something else writes /etc, such as the activation of NixOS.
        return Ok(());
    }
    let done = match &next {
        Next::Nothing => Ok(true),
        Next::Begin => note(layout, running, None, carry).map(|()| true),
        Next::Adopt(why) => note(layout, running, Some(*why), carry).map(|()| true),
        Next::Follow(from) => follow_from(layout, running, from, carry)
            .with_context(|| format!("bringing /etc from {from} to {running}")),
        Next::Return(from) => return_from(layout, running, from, carry)
            .with_context(|| format!("bringing /etc back from {from} to {running}")),
    };
    if done? { Ok(()) } else { note(layout, running, Some(Unknown::Lost), carry) }
}

/// Merges. Returns whether the image's own of the version before is known.
fn follow_from(layout: &Layout, running: &Mark, from: &Mark, carry: &Carry<'_>) -> Result<bool> {
    let Some(base) = layout.base(from.id())? else { return Ok(false) };
    let (mine, new) = (tree::read(&layout.kept())?, tree::read(layout.factory())?);
    let plan = plan(&base.tree, &mine, &new, &base.numbers);
    let other = Source { root: layout.factory(), tree: &new };
    let change = Change { layout, from, running, mine: &mine, other, new: &new, is_back: false };
    change.carry_out(&plan, carry)?;
    Ok(true)
}

/// Gives the tree from before back, with what was changed meanwhile. Returns whether what that takes is there.
fn return_from(layout: &Layout, running: &Mark, from: &Mark, carry: &Carry<'_>) -> Result<bool> {
    let found = (layout.earlier(running)?, layout.base(running.id())?, layout.base(from.id())?);
    let (Some(earlier), Some(base), Some(newer)) = found else {
        return follow_from(layout, running, from, carry);
    };
    let (mine, before) = (tree::read(&layout.kept())?, tree::read(&earlier)?);
    let forth = Forth { base: &base.tree, before: &before, new: &newer.tree, had: &base.numbers };
    let plan = back(forth, &mine, &newer.numbers);
    let new = tree::read(layout.factory())?;
    let other = Source { root: &earlier, tree: &before };
    let change = Change { layout, from, running, mine: &mine, other, new: &new, is_back: true };
    change.carry_out(&plan, carry)?;
    Ok(true)
}

/// A change of the kept `/etc` from one version to another.
struct Change<'a> {
    layout: &'a Layout,
    from: &'a Mark,
    running: &'a Mark,
    mine: &'a Tree,
    /// What else the new tree is made of.
    other: Source<'a>,
    /// The image's own.
    new: &'a Tree,
    is_back: bool,
}

impl Change<'_> {
    /// Does what a plan says, and tells what came out.
    fn carry_out(&self, plan: &Plan, carry: &Carry<'_>) -> Result<()> {
        let Self { layout, from, running, .. } = *self;
        let is_same = plan.actions.is_empty();
        let (numbers, event) = (plan.numbers.text(), Event::brought(from, running, self.is_back, plan));
        let built = (!is_same).then_some(Built {
            mine: self.mine,
            other: self.other,
            result: &plan.result,
            from: (!self.is_back).then_some(from),
        });
        let work = Work { layout, running, new: self.new, numbers: &numbers, event: &event, built };
        carry(&work, if is_same { NOTE } else { FOLLOW })?;
        let way = if self.is_back { "brought /etc back" } else { "brought /etc" };
        log::info!("{}", short(&format!("{way} from {from} to {running}: {}", Summary(plan))));
        for conflict in plan.conflicts.iter().take(TOLD) {
            log::warn!("{}", short(&format!("/etc/{conflict}")));
        }
        Ok(())
    }
}

/// The kernel refuses longer lines, and a path may have thousands of bytes.
fn short(line: &str) -> &str {
    line.get(..line.floor_char_boundary(LINE)).unwrap_or(line)
}

/// Takes the running version's own as what a later plan compares with, and changes nothing.
fn note(layout: &Layout, running: &Mark, why: Option<Unknown>, carry: &Carry<'_>) -> Result<()> {
    let about = || format!("noting that /etc is that of {running}");
    let new = tree::read(layout.factory()).with_context(about)?;
    let (numbers, event) = (Numbers::default().text(), Event::noted(running, why));
    let work = Work { layout, running, new: &new, numbers: &numbers, event: &event, built: None };
    carry(&work, NOTE).with_context(about)?;
    if let Some(why) = why {
        log::warn!(
            "it is not known which version's /etc the kept one came from: {why}; nothing was changed, and it follows the \
             image from {running} on; what differs: pattern etc diff"
        );
    }
    Ok(())
}

/// Does all steps. If one fails, what was begun is removed.
fn carry_out(work: &Work<'_>, steps: &[Step]) -> Result<()> {
    let had_base = work.has_base();
    work.run(steps).inspect_err(|_| work.undo(had_base))?;
    work.prune().unwrap_or_else(|error: Error| log::warn!("{error:#}"));
    Ok(())
}

//! Brings the kept `/var` to the version that starts, once for each version. [`pattern::etc::plan_state`] decides.
//!
//! Only paths that the image of one of the versions has are looked at. An ordinary boot reads one attribute. Nothing
//! here ends a boot: after a failure, the system starts with the `/var` that is there.

mod steps;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use pattern::etc::{self, Before, Done, Mark, Marks, Tree, Unknown, before, mixed, plan_state, renumber_for};
use pattern_machine::factory::FACTORY;
use pattern_machine::tree;

use crate::context::Context;
use crate::volume::etc::layout::Layout;
use crate::volume::mounts::KEPT;
use steps::{FOLLOW, NOTE, Step, Work};

/// Where everything is that decides.
struct Place {
    layout: Layout,
    /// The kept `/etc` and the image's own, if `/etc` is kept: a name may have another number there.
    names: Option<(PathBuf, PathBuf)>,
}

/// The image's own of this version: as it is, and with the machine's numbers of users and groups.
struct Own {
    image: Tree,
    machine: Tree,
}

/// Does it on the mounted volume, before `/var` is bound and after `/etc` was brought to this version. `is_new`:
/// whether `/var` was made in this boot.
pub(crate) fn follow(ctx: &Context, volume: &Path, is_new: bool) {
    let persist = &ctx.config.partitions.persist;
    if !persist.var {
        return;
    }
    let running = Mark::of(&ctx.usr, &ctx.config.image.version);
    let factory = Path::new(FACTORY);
    let names = persist.etc.then(|| (volume.join(KEPT).join("etc"), factory.join("etc")));
    let place = Place { layout: Layout::of("var", volume, factory), names };
    bring(&place, &running, is_new)
        .unwrap_or_else(|error| log::error!("{error:#}; it is tried again at the next boot"));
}

fn bring(place: &Place, running: &Mark, is_new: bool) -> Result<()> {
    let layout = &place.layout;
    let found = layout.mark(&layout.kept())?;
    let before = before(found.as_deref(), running, is_new);
    // The image has nothing for /var: something else fills it, as on NixOS.
    if before == Before::Nothing || !layout.factory().is_dir() {
        return Ok(());
    }
    let about = || format!("bringing /var to {running}");
    let own = place.own().with_context(about)?;
    match before {
        Before::Nothing => Ok(()),
        Before::Running => {
            let start = Start { base: own.image.clone(), mine: place.read(&own, &[])?, marks: None };
            merge(place, running, &own, start).with_context(about)
        }
        Before::Unknown(why) => adopt(place, running, &own, why).with_context(about),
        Before::Kept(marks) => match place.start(&own, marks).with_context(about)? {
            Some(start) => merge(place, running, &own, start).with_context(about),
            None => adopt(place, running, &own, Unknown::Lost).with_context(about),
        },
    }
}

/// What a plan begins with.
struct Start {
    base: Tree,
    mine: Tree,
    /// Nothing if `/var` was filled in this boot.
    marks: Option<Marks>,
}

impl Place {
    fn own(&self) -> Result<Own> {
        let image = tree::read(self.layout.factory())?;
        let mut machine = image.clone();
        if let Some((kept, factory)) = &self.names {
            let paths: Vec<_> =
                ["group", "passwd"].iter().filter_map(|name| etc::Path::new(*name).ok()).collect();
            let names = |root: &PathBuf| tree::pick(root, &paths, &|_, _| true);
            renumber_for(&names(kept)?, &names(factory)?, &mut machine);
        }
        Ok(Own { image, machine })
    }

    /// Reads what is kept of each version that `/var` came from. Nothing is returned if one is not.
    fn start(&self, own: &Own, marks: Marks) -> Result<Option<Start>> {
        let versions: Option<Vec<Tree>> =
            marks.iter().map(|mark| self.layout.image(mark.id())).collect::<Result<_>>()?;
        let Some(versions) = versions else { return Ok(None) };
        let mine = self.read(own, &versions)?;
        Ok(Some(Start { base: mixed(&versions, &mine), mine, marks: Some(marks) }))
    }

    /// Reads the paths of the machine's that one of the versions has.
    fn read(&self, own: &Own, versions: &[Tree]) -> Result<Tree> {
        let images = || versions.iter().chain([&own.image]);
        let paths: BTreeSet<&etc::Path> = images().flat_map(Tree::paths).collect();
        tree::pick(&self.layout.kept(), paths, &|path, size| images().any(|image| image.has_size(path, size)))
    }
}

/// Does what is to be done, and says it.
fn merge(place: &Place, running: &Mark, own: &Own, start: Start) -> Result<()> {
    let plan = plan_state(&start.base, &start.mine, &own.machine);
    let from = start.marks.as_ref().map_or_else(|| running.to_string(), Marks::began);
    let steps = if plan.actions.is_empty() { NOTE } else { FOLLOW };
    let work =
        Work { layout: &place.layout, running, own, plan: &plan, mine: &start.mine, marks: start.marks };
    let kept = carry_out(&work, steps)?;
    if from != running.to_string() || !plan.actions.is_empty() {
        log::info!("brought /var from {from} to {running}: {}", Done { plan: &plan, kept });
    }
    Ok(())
}

/// Takes the running version's own as what a later plan compares with, and changes nothing.
fn adopt(place: &Place, running: &Mark, own: &Own, why: Unknown) -> Result<()> {
    let plan = plan_state(&own.machine, &own.machine, &own.machine);
    let mine = Tree::default();
    let work = Work { layout: &place.layout, running, own, plan: &plan, mine: &mine, marks: None };
    carry_out(&work, NOTE)?;
    log::warn!(
        "it is not known which version's /var the kept one came from: {why}; nothing was changed, and it follows the image \
         from {running} on"
    );
    Ok(())
}

/// Does all steps. If one fails, what was begun is removed. Returns how many changes were not possible.
fn carry_out(work: &Work<'_>, steps: &[Step]) -> Result<usize> {
    let kept = work.run(steps).inspect_err(|_| work.undo())?;
    work.prune().unwrap_or_else(|error| log::warn!("{error:#}"));
    Ok(kept)
}

impl Own {
    /// Returns the steps' source of contents, which has the image's numbers.
    fn source<'a>(&'a self, layout: &'a Layout) -> tree::Source<'a> {
        tree::Source { root: layout.factory(), tree: &self.image }
    }
}

//! Copies the paths of `/var` that go back with a version on trial, and puts them back. [`pattern::rollback`] decides.
//!
//! A version that was found to be good has no copy any more. Nothing here ends a boot.

mod layout;
mod steps;
#[cfg(test)]
mod tests;

use std::path::Path;

use anyhow::{Context as _, Error, Result};
use pattern::etc::{self, Mark};
use pattern::rollback::{Facts, Found, Note, Step, decide};
use pattern_machine::trial;

use crate::context::Context;
use layout::Layout;
use steps::{Copying, forget, put_back};

/// Does what is to be done on the mounted volume, before `/var` is brought to the version that starts.
pub(crate) fn tend(ctx: &Context, volume: &Path) {
    let persist = &ctx.config.partitions.persist;
    if !persist.var {
        return;
    }
    let running = Mark::of(&ctx.usr, &ctx.config.image.version);
    let layout = Layout::new(volume);
    let asked: Vec<etc::Path> = persist.rolled_back().filter_map(|path| etc::Path::new(path).ok()).collect();
    start(&layout, &running, trial::running(), &asked).unwrap_or_else(|error| log::error!("{error:#}"));
}

/// Removes the copy that was made for the trial of the running version, which was found to be good. Returns whether
/// there was one. All of the volume has to be in reach.
///
/// # Errors
/// When it can't be read or removed.
pub(crate) fn keep(volume: &Path, running: &Mark) -> Result<bool> {
    let layout = Layout::new(volume);
    let note = layout.note()?;
    let found = note.as_ref().map_or(Found::Nothing, found);
    let facts = Facts { running, on_trial: false, started: Some(running), found, asked: false };
    let is_left = decide(&facts) == Step::Forget;
    if is_left {
        forget(&layout)?;
    }
    Ok(is_left)
}

fn found(note: &Option<Note>) -> Found<'_> {
    note.as_ref().map_or(Found::Unread, Found::Copy)
}

fn start(layout: &Layout, running: &Mark, on_trial: bool, asked: &[etc::Path]) -> Result<()> {
    let started = layout.started()?;
    let done = act(layout, running, on_trial, asked, started.as_ref());
    // Also after a failure: what this version leaves is not copied as that of the one before.
    if started.as_ref() != Some(running) {
        layout.set_started(running)?;
    }
    done
}

fn act(
    layout: &Layout,
    running: &Mark,
    on_trial: bool,
    asked: &[etc::Path],
    started: Option<&Mark>,
) -> Result<()> {
    layout.clear()?;
    let note = layout.note()?;
    let found = note.as_ref().map_or(Found::Nothing, found);
    let facts = Facts { running, on_trial, started, found, asked: !asked.is_empty() };
    match (decide(&facts), note.flatten()) {
        (Step::Nothing, _) => Ok(()),
        (Step::Forget, _) => forget(layout),
        (Step::Copy(of), _) => copy(&Copying { layout, of: &of, trial: running, asked }),
        (Step::PutBack, Some(note)) => back(layout, &note),
        (Step::PutBack, None) => Ok(()),
    }
}

fn copy(copying: &Copying<'_>) -> Result<()> {
    let Copying { layout, of, trial, .. } = *copying;
    let copied =
        copying.run().inspect_err(|_| layout.clear().unwrap_or_else(|error: Error| log::warn!("{error:#}")));
    let note = copied.with_context(|| {
        format!(
            "copying the state that {of} left, before {trial} starts on trial: if it fails, its state stays"
        )
    })?;
    log::info!("copied the state that {of} left, before {trial} starts on trial: {}", note.shown());
    Ok(())
}

fn back(layout: &Layout, note: &Note) -> Result<()> {
    let Note { of, trial, .. } = note;
    let failed = put_back(layout, note).with_context(|| {
        format!("putting back the state that {of} left, because {trial} was not found to be good")
    })?;
    if failed == 0 {
        log::warn!(
            "{trial} was not found to be good: put back as {of} left it: {}; what {trial} left is kept in {} on the volume until \
             the next trial",
            note.shown(),
            layout.aside_shown()
        );
    }
    Ok(())
}

//! Runs a stage: reads what every stage needs, and logs the stage's report as one line.

use std::time::Instant;

use anyhow::Result;
use pattern_machine::{failure, logging, trial};

use crate::context::Context;

/// What a stage found, and what it did about it. It becomes one line of the log.
pub(crate) struct Report {
    /// The facts.
    pub(crate) found: String,
    /// The decision. It was carried out, unless the boot only plans.
    pub(crate) decided: String,
}

/// A stage looks, decides and acts.
pub(crate) type Stage = fn(&Context) -> Result<Report>;

/// Runs a stage under its name. If it fails in a trial, its error is stored for the version before.
///
/// # Errors
/// When the configuration can't be read, or the stage fails.
pub(crate) fn run(name: &str, stage: Stage) -> Result<()> {
    let started = Instant::now();
    let context = Context::here()?;
    logging::start(name, &context.flags);
    context.ignored.iter().for_each(|line| log::warn!("{line}"));
    let report = stage(&context).inspect_err(|error| {
        let reason = format!("{name}: {error:#}");
        failure::keep(&reason);
        if trial::running() {
            trial::note(&context.config.image.version, &reason);
        }
    })?;
    let spent = started.elapsed().as_millis();
    log::info!("found {}; {}; {spent} ms", report.found, report.decided);
    Ok(())
}

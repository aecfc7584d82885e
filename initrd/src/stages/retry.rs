//! `pattern-retry`: restarts the machine if a boot ends in an emergency that a restart may end: a
//! version on trial has more tries, or another version; and a good version whose `/usr` can't be
//! opened any more has the other slot.

use anyhow::Result;
use pattern::program::Program;
use pattern_machine::{boot_loader, failure, reboot, trial};

use crate::context::Context;

/// Restarts the machine, or does nothing.
///
/// # Errors
/// When systemd can't be asked to restart.
pub(crate) fn run() -> Result<()> {
    if trial::running() {
        return reboot::now();
    }
    let Some(reason) = failure::kept().filter(|reason| reason.starts_with(Program::Usr.name())) else {
        return Ok(());
    };
    let Ok(context) = Context::here() else { return Ok(()) };
    let image = &context.config.image;
    let Some(other) = failure::another_version(&context.usr, &image.version) else { return Ok(()) };
    if let Err(error) = boot_loader::start_once(&image.id, &other) {
        log::error!("starting version {other} in place of {}: {error:#}", image.version);
        return Ok(());
    }
    log::error!("version {} can't be started ({reason}): starting version {other} instead", image.version);
    trial::note(&image.version, &reason);
    reboot::now()
}

//! `pattern-health --interrupted`: gives a try back at an orderly end that comes before the verdict,
//! unless something failed. A person may restart the machine, or switch it off.

use std::fs::File;

use anyhow::{Context as _, Result};
use nix::sys::signal::{SigSet, Signal};
use pattern::update::essential::State;
use pattern_machine::disk::Disk;
use pattern_machine::{esp, failure, unit};

use crate::context::Context;
use crate::stage::Report;

/// Waits for the end, and gives the try back.
///
/// # Errors
/// When systemd can't be asked, or the entry can't be renamed.
pub(crate) fn run(ctx: &Context) -> Result<Report> {
    // Held open: systemd unmounts the partition after two minutes without a user, and does not mount
    // it again while the machine is being switched off.
    let place = esp::partition()?;
    let _mounted = File::open(place).with_context(|| format!("opening {}", place.display()))?;
    wait_for_the_end().context("waiting for the end")?;
    // What systemd says of the checks is of no help: it has just stopped them.
    if let Some(reason) = failure::kept() {
        return Ok(used(&reason));
    }
    for name in &ctx.config.boot.essential {
        if let State::Broken(why) = unit::state(name)? {
            return Ok(used(&format!("essential unit {name} {why}")));
        }
    }
    give_back(ctx)
}

/// systemd ends a service with SIGTERM (systemd.kill(5)).
fn wait_for_the_end() -> nix::Result<Signal> {
    let mut ends = SigSet::empty();
    ends.add(Signal::SIGTERM);
    ends.thread_block()?;
    ends.wait()
}

fn used(why: &str) -> Report {
    Report { found: why.to_owned(), decided: "nothing is given back".to_owned() }
}

fn give_back(ctx: &Context) -> Result<Report> {
    let image = &ctx.config.image;
    let table = Disk::behind_usr(&ctx.usr)?.table()?.table;
    let installed = esp::installed(&image.id, &image.version, &table)?;
    let Some(step) = installed.give_back() else {
        return Ok(used("a verdict, or a trial that was begun too often"));
    };
    esp::perform(&image.id, &step)?;
    Ok(Report {
        found: "an orderly end before the verdict".to_owned(),
        decided: "gave the try back".to_owned(),
    })
}

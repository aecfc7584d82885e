//! `pattern-health`: judges a version on trial before its boot counts as complete.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use nix::libc::O_TMPFILE;
use pattern::update::essential::{self, PROPERTIES, State};
use pattern_machine::disk::Disk;
use pattern_machine::{esp, failure, trial};

use crate::context::Context;
use crate::stage::Report;

const VOLUME: &str = "/persist";
/// How long essential units have to work without being started again. systemd's default pause
/// between two starts is a tenth of a second (systemd.service(5), `RestartSec=`).
const STEADY: Duration = Duration::from_secs(10);
/// How long essential units may take until they work.
const PATIENCE: Duration = Duration::from_secs(300);

/// Checks that everything that the image persists is mounted and writable, and that all essential
/// units work.
///
/// # Errors
/// When a check fails. The error names what failed.
pub(crate) fn run(ctx: &Context) -> Result<Report> {
    let mut mounted = vec![VOLUME.to_owned()];
    mounted.extend(ctx.config.partitions.persist.asked().map(|name| format!("/{name}")));
    for path in &mounted {
        writable(Path::new(path)).with_context(|| format!("{path} is not kept"))?;
    }
    let units = &ctx.config.boot.essential;
    if !units.is_empty() {
        settle(units)?;
    }
    // What a try before this one noted is outdated.
    trial::forget(&ctx.config.image.version).unwrap_or_else(|error| log::warn!("{error:#}"));
    let found = format!("{} writable, {} essential units at work", mounted.join(" "), units.len());
    Ok(Report { found, decided: "this version works".to_owned() })
}

/// Gives this try back at an orderly end that came before the verdict, unless something failed: a
/// person may restart the machine, or switch it off.
///
/// # Errors
/// When systemd can't be asked, or the entry can't be renamed.
pub(crate) fn interrupted(ctx: &Context) -> Result<Report> {
    let used = |why: &str| Ok(Report { found: why.to_owned(), decided: "the try is used".to_owned() });
    // What systemd says of the checks is of no help: it has just stopped them.
    if let Some(reason) = failure::kept() {
        return used(&reason);
    }
    for unit in &ctx.config.boot.essential {
        if let State::Broken(why) = essential::state(&shown(unit)?) {
            return used(&format!("essential unit {unit} {why}"));
        }
    }
    let image = &ctx.config.image;
    let table = Disk::behind_usr(&ctx.usr)?.table()?.table;
    let installed = esp::installed(&image.id, &image.version, &table)?;
    // A person may have put it aside for another version meanwhile.
    let own = installed.entry(&image.version).filter(|entry| !entry.aside());
    let Some((entry, tries)) = own.and_then(|entry| Some((entry, entry.tries?))) else {
        return Ok(Report { found: "a verdict".to_owned(), decided: "nothing to do".to_owned() });
    };
    let Some(given_back) = tries.given_back() else { return used("a trial that was begun too often") };
    esp::count(&image.id, entry, Some(given_back))?;
    let decided = format!("gave the try back: {} left", given_back.left);
    Ok(Report { found: "an orderly end before the verdict".to_owned(), decided })
}

/// Writes and syncs a file without a name, so nothing of it stays.
fn writable(path: &Path) -> Result<()> {
    let parent = path.parent().unwrap_or(path);
    let device = |path: &Path| -> Result<u64> {
        Ok(std::os::unix::fs::MetadataExt::dev(&path.metadata().context("looking at it")?))
    };
    if device(path)? == device(parent)? {
        bail!("nothing is mounted there");
    }
    let file = OpenOptions::new().write(true).custom_flags(O_TMPFILE).mode(0o600).open(path);
    let written = file.and_then(|mut file: File| file.write_all(b"pattern").and_then(|()| file.sync_all()));
    written.context("writing a file there")
}

/// Waits until all units have worked for a while without being started again.
///
/// # Errors
/// When one does not work, or is not settled in time.
fn settle(units: &[String]) -> Result<()> {
    let deadline = Instant::now() + PATIENCE;
    let mut working = judge(units)?;
    loop {
        thread::sleep(STEADY);
        let now = judge(units)?;
        match (&working, &now) {
            (Ok(before), Ok(after)) if before == after => return Ok(()),
            _ if Instant::now() < deadline => working = now,
            (_, Err(unsettled)) => bail!("{unsettled}, after {} s", PATIENCE.as_secs()),
            (_, Ok(_)) => bail!("an essential unit ends, and is started again and again"),
        }
    }
}

/// Returns what tells each unit's start from its next, or which unit is not settled.
///
/// # Errors
/// When a unit is broken.
fn judge(units: &[String]) -> Result<Result<Vec<String>, String>> {
    let mut working = Vec::new();
    for unit in units {
        match essential::state(&shown(unit)?) {
            State::Works(start) => working.push(start),
            State::Unsettled(does) => return Ok(Err(format!("essential unit {unit} {does}"))),
            State::Broken(why) => bail!("essential unit {unit} {why}"),
        }
    }
    Ok(Ok(working))
}

fn shown(unit: &str) -> Result<String> {
    let mut command = Command::new("systemctl");
    command.arg("show").arg(format!("--property={PROPERTIES}")).args(["--", unit]);
    let output = command.output().context("starting systemctl")?;
    if !output.status.success() {
        bail!("asking for the state of {unit}: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_that_is_no_mount_is_not_kept() {
        let error = writable(Path::new("/usr/lib")).unwrap_err();
        assert_eq!(error.to_string(), "nothing is mounted there");
    }
}

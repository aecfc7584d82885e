//! `pattern-health`: judges a version on trial before its boot counts as complete.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use nix::libc::O_TMPFILE;
use pattern::update::essential::State;
use pattern_machine::{trial, unit};

use super::logins;
use crate::context::Context;
use crate::stage::Report;

const VOLUME: &str = "/persist";
/// How long essential units have to work without being started again. systemd's default pause
/// between two starts is a tenth of a second (systemd.service(5), `RestartSec=`).
const STEADY: Duration = Duration::from_secs(10);
/// How long essential units may take until they work.
const PATIENCE: Duration = Duration::from_secs(300);

/// Checks that everything that the image persists is mounted and writable, that a kept `/etc` lets people log in,
/// and that all essential units work.
///
/// # Errors
/// When a check fails. The error names what failed.
pub(crate) fn run(ctx: &Context) -> Result<Report> {
    let mut mounted = vec![VOLUME.to_owned()];
    mounted.extend(ctx.config.partitions.persist.asked().map(|name| format!("/{name}")));
    for path in &mounted {
        writable(Path::new(path)).with_context(|| format!("{path} is not kept"))?;
    }
    if ctx.config.partitions.persist.etc {
        logins::check(Path::new("/")).context("logging in")?;
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
    full_or_written(written, path)
}

/// A full volume is not the version's fault: the version before would find it full, too.
fn full_or_written(written: std::io::Result<()>, path: &Path) -> Result<()> {
    match written {
        Err(error) if matches!(error.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded) => {
            log::warn!("{} is full: {error}", path.display());
            Ok(())
        }
        other => other.context("writing a file there"),
    }
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
    for name in units {
        match unit::state(name)? {
            State::Works(start) => working.push(start),
            State::Unsettled(does) => return Ok(Err(format!("essential unit {name} {does}"))),
            State::Broken(why) => bail!("essential unit {name} {why}"),
        }
    }
    Ok(Ok(working))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_volume_does_not_condemn_a_version() {
        let path = Path::new("/persist");
        for (kind, well) in [(ErrorKind::StorageFull, true), (ErrorKind::ReadOnlyFilesystem, false)] {
            assert_eq!(full_or_written(Err(kind.into()), path).is_ok(), well, "{kind}");
        }
        assert!(full_or_written(Ok(()), path).is_ok());
    }

    #[test]
    fn a_directory_that_is_no_mount_is_not_kept() {
        let error = writable(Path::new("/usr/lib")).unwrap_err();
        assert_eq!(error.to_string(), "nothing is mounted there");
    }
}

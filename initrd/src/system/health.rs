//! `pattern-health`: judges a version on trial before its boot counts as complete.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, bail};
use nix::libc::O_TMPFILE;

use crate::context::Context;
use crate::stage::Report;

const VOLUME: &str = "/persist";

/// Checks that everything that the image persists is mounted and writable, and that no essential
/// unit failed.
///
/// # Errors
/// When a check fails. The error names what failed.
pub(crate) fn run(ctx: &Context) -> Result<Report> {
    let mut mounted = vec![VOLUME.to_owned()];
    mounted.extend(ctx.config.partitions.persist.asked().map(|name| format!("/{name}")));
    for path in &mounted {
        writable(Path::new(path)).with_context(|| format!("{path} is not kept"))?;
    }
    for unit in &ctx.config.boot.essential {
        judge(unit, &state(unit)?)?;
    }
    let units = ctx.config.boot.essential.len();
    let found = format!("{} writable, {units} essential units without failure", mounted.join(" "));
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
    written.context("writing a file there")
}

/// Returns `LoadState` and `ActiveState`, each on a line.
fn state(unit: &str) -> Result<String> {
    let mut command = Command::new("systemctl");
    command.args(["show", "--property=LoadState,ActiveState", "--", unit]);
    let output = command.output().context("starting systemctl")?;
    if !output.status.success() {
        bail!("asking for the state of {unit}: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

fn judge(unit: &str, state: &str) -> Result<()> {
    let has = |line: &str| state.lines().any(|other| other == line);
    if has("ActiveState=failed") {
        bail!("essential unit {unit} failed");
    }
    if !has("LoadState=loaded") {
        bail!("essential unit {unit} does not exist");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_unit_must_be_there_and_must_not_have_failed() {
        assert!(judge("a.service", "LoadState=loaded\nActiveState=inactive\n").is_ok());
        let failed = judge("a.service", "LoadState=loaded\nActiveState=failed\n").unwrap_err();
        assert_eq!(failed.to_string(), "essential unit a.service failed");
        let missing = judge("a.service", "LoadState=not-found\nActiveState=inactive\n").unwrap_err();
        assert_eq!(missing.to_string(), "essential unit a.service does not exist");
    }

    #[test]
    fn a_directory_that_is_no_mount_is_not_kept() {
        let error = writable(Path::new("/usr/lib")).unwrap_err();
        assert_eq!(error.to_string(), "nothing is mounted there");
    }
}

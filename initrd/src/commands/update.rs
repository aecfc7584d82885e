//! `pattern update`: checks whether an update is allowed and fits, and then runs systemd-sysupdate.

mod own;

use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail};
use pattern::config::version::is_version;
use pattern::table::{Guid, Table};
use pattern::update::release::{Part, fits};
use pattern::update::{self, OnTrial};
use pattern_machine::disk::Disk;
use pattern_machine::esp;
use serde_json::Value;

use crate::context::Context;

const PROGRAM: &str = "/usr/lib/systemd/systemd-sysupdate";
/// The image's own definitions, whatever `/etc/sysupdate.d` and `/run/sysupdate.d` contain.
const DEFINITIONS: &str = "--definitions=/usr/lib/sysupdate.d";

/// What was done.
pub(crate) enum Done {
    /// A version was installed.
    Installed,
    /// Nothing newer is offered than what is installed.
    Nothing,
    /// A version is offered, and can't be installed now.
    Later(OnTrial),
}

/// Installs a version, or the newest if none is named.
///
/// # Errors
/// When the slot is too small, or systemd-sysupdate fails.
pub(crate) fn run(ctx: &Context, version: Option<&str>, force: bool) -> Result<Done> {
    let image = &ctx.config.image;
    esp::sweep(&image.id)?;
    let table = Disk::behind_usr(&ctx.usr)?.table()?.table;
    let gate = update::gate(&image.version, &esp::installed(&image.id, &table)?);
    own::only_the_image()
        .context("hiding /etc from systemd-sysupdate, so that the image's keyring alone verifies updates")?;
    let version = match version {
        Some(version) => version.to_owned(),
        None => match newest(&image.updates.url)? {
            Some(version) => version,
            None => return Ok(Done::Nothing),
        },
    };
    if let Err(closed) = gate {
        if !force {
            return Ok(Done::Later(closed));
        }
        eprintln!("pattern: {closed}; continuing because of --force");
    }
    if !is_version(&version) {
        bail!("{version:?} is not a version that an image can have");
    }
    let offered = offered(&version)?;
    let room = |part| match part {
        Part::Usr => room(&table, ctx.usr.data()),
        Part::Verity => room(&table, ctx.usr.tree()),
    };
    fits(&offered, room).with_context(|| format!("version {version}: nothing was written"))?;
    install(&version)?;
    Ok(Done::Installed)
}

/// Returns the newest offered version, if it is newer than all installed ones.
fn newest(url: &str) -> Result<Option<String>> {
    let answer = ask(&["check-new"]).with_context(|| format!("asking {url} for newer versions"))?;
    Ok(answer.get("available").and_then(Value::as_str).map(str::to_owned))
}

/// Returns the files of a version, from the server's signed list.
fn offered(version: &str) -> Result<Vec<String>> {
    let asking = || format!("asking what version {version} consists of");
    let answer = ask(&["list", version]).with_context(asking)?;
    let rows = answer.get("contents").and_then(Value::as_array).with_context(asking)?;
    let paths = rows.iter().filter_map(|row| row.get("path").and_then(Value::as_str));
    Ok(paths.map(|path| path.rsplit('/').next().unwrap_or(path).to_owned()).collect())
}

/// Returns the JSON output of systemd-sysupdate. Its error messages go to standard error.
fn ask(words: &[&str]) -> Result<Value> {
    let mut command = Command::new(PROGRAM);
    command.args([DEFINITIONS, "--json=short"]).args(words).stderr(Stdio::inherit());
    let output = command.output().with_context(|| format!("starting {PROGRAM}"))?;
    if !output.status.success() {
        bail!("systemd-sysupdate ended with {}; its messages are above", output.status);
    }
    serde_json::from_slice(&output.stdout).context("reading the answer of systemd-sysupdate")
}

/// Returns the size of the other slot's partition, next to the one of the version that runs.
fn room(table: &Table, running: Guid) -> u64 {
    let own = table.partitions().find(|partition| partition.uuid == running);
    let others = table.partitions().filter(|one| own.as_ref().is_some_and(|own| own.kind == one.kind));
    let others = others.filter(|one| one.uuid != running);
    others.map(|one| table.bytes(one.extent)).max().unwrap_or(0)
}

fn install(version: &str) -> Result<()> {
    let status = Command::new(PROGRAM).args([DEFINITIONS, "update", version]).status();
    let status = status.with_context(|| format!("starting {PROGRAM}"))?;
    if !status.success() {
        bail!(
            "installing version {version}: systemd-sysupdate ended with {status}; the version that runs is untouched"
        );
    }
    Ok(())
}

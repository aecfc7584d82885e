//! Asks systemd-sysupdate, and has it write.

use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

const PROGRAM: &str = "/usr/lib/systemd/systemd-sysupdate";
/// The image's own definitions, whatever `/etc/sysupdate.d` and `/run/sysupdate.d` contain.
const DEFINITIONS: &str = "--definitions=/usr/lib/sysupdate.d";

/// Returns the newest offered version, if it is newer than all installed ones.
///
/// # Errors
/// When the server can't be asked, or nobody whom the image knows signed its list.
pub(super) fn newest(url: &str) -> Result<Option<String>> {
    let answer = ask(&["check-new"]).with_context(|| format!("asking {url} for newer versions"))?;
    Ok(answer.get("available").and_then(Value::as_str).map(str::to_owned))
}

/// Returns the files of a version, from the server's signed list.
///
/// # Errors
/// As [`newest`], and when the list does not have the version.
pub(super) fn offered(url: &str, version: &str) -> Result<Vec<String>> {
    let asking = || format!("asking {url} what version {version} consists of");
    let answer = ask(&["list", version]).with_context(asking)?;
    let rows = answer.get("contents").and_then(Value::as_array).with_context(asking)?;
    let paths = rows.iter().filter_map(|row| row.get("path").and_then(Value::as_str));
    Ok(paths.map(|path| path.rsplit('/').next().unwrap_or(path).to_owned()).collect())
}

/// Gives up every version but the running one: its entry, and the labels of its partitions. Else
/// systemd-sysupdate takes what was damaged for installed.
///
/// # Errors
/// When systemd-sysupdate fails.
pub(super) fn give_up_others() -> Result<()> {
    act(&["vacuum", "--instances-max=1"])
}

/// Gives up what was not written to its end. systemd 260 and later refuse to begin before. The content stays as it is.
///
/// # Errors
/// When systemd-sysupdate fails.
pub(super) fn give_up_unfinished() -> Result<()> {
    act(&["vacuum"])
}

/// Installs a version.
///
/// # Errors
/// When systemd-sysupdate fails.
pub(super) fn install(version: &str) -> Result<()> {
    act(&["update", version])
}

/// Installs a version that is offered on the loopback, which no proxy leads to.
///
/// # Errors
/// When systemd-sysupdate fails.
pub(super) fn install_from(version: &str, definitions: &Path) -> Result<()> {
    let mut command = Command::new(PROGRAM);
    command.arg(format!("--definitions={}", definitions.display())).env("no_proxy", "127.0.0.1");
    run(command, &["update", version])
}

/// Returns the JSON output. Error messages go to standard error.
fn ask(words: &[&str]) -> Result<Value> {
    let mut command = Command::new(PROGRAM);
    command.args([DEFINITIONS, "--json=short"]).args(words).stderr(Stdio::inherit());
    let output = command.output().with_context(|| format!("starting {PROGRAM}"))?;
    let answer = serde_json::from_slice(&output.stdout);
    // systemd 262 says with status 1 that it found nothing newer, and has an answer; a failure has none.
    if !output.status.success() && answer.is_err() {
        bail!("systemd-sysupdate ended with {}; its messages are above", output.status);
    }
    answer.context("reading the answer of systemd-sysupdate")
}

fn act(words: &[&str]) -> Result<()> {
    let mut command = Command::new(PROGRAM);
    command.arg(DEFINITIONS);
    run(command, words)
}

fn run(mut command: Command, words: &[&str]) -> Result<()> {
    let status = command.args(words).status();
    let status = status.with_context(|| format!("starting {PROGRAM}"))?;
    if !status.success() {
        bail!(
            "systemd-sysupdate {} ended with {status}; the version that runs is untouched",
            words.join(" ")
        );
    }
    Ok(())
}

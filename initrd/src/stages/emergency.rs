//! `pattern-emergency`: ends a failed boot of an image with `debug = false`. Nobody gets a shell.
//! The machine restarts after a while, because the cause may be gone by then.

use std::process::Command;
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result};
use pattern::plain::plain;
use pattern_machine::{output, reboot};

/// Long enough to read the screen.
const PATIENCE: Duration = Duration::from_secs(300);

/// Says what failed, waits, and restarts the machine.
///
/// # Errors
/// When the machine does not restart.
pub(crate) fn run() -> Result<()> {
    let what = failed().map_or_else(|error| format!("{error:#}."), |failed| reason(&failed));
    // The machine restarts whether anybody can read it or not.
    output::line(&message(&plain(&what))).ok();
    thread::sleep(PATIENCE);
    reboot::now()
}

fn failed() -> Result<Vec<String>> {
    let asking = ["list-units", "--failed", "--plain", "--no-legend", "--no-pager"];
    let output = Command::new("systemctl").args(asking).output().context("asking systemd what failed")?;
    Ok(units(&String::from_utf8_lossy(&output.stdout)))
}

/// Returns the units' names: the first word of each line.
fn units(list: &str) -> Vec<String> {
    list.lines().filter_map(|line| line.split_whitespace().next()).map(str::to_owned).collect()
}

/// Returns why the boot ended. A unit that waited in vain is not "failed" for systemd, so the list
/// may be empty.
fn reason(failed: &[String]) -> String {
    if failed.is_empty() {
        "No unit failed: something did not appear, such as a disk, or the kernel command line asked for this. The lines above \
         say which."
            .to_owned()
    } else {
        format!("What failed: {}. The lines above say why.", failed.join(", "))
    }
}

fn message(what: &str) -> String {
    let minutes = PATIENCE.as_secs() / 60;
    format!(
        "\n\nThis machine does not start. {what}\nThis image gives nobody a shell here. The machine restarts in {minutes} \
         minutes; Control-Alt-Delete restarts it now."
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_are_told_what_failed() {
        let list = "pattern-usr.service loaded failed failed Open the verified /usr\nsysusr-usr.mount loaded failed\n\n";
        let message = message(&reason(&units(list)));
        assert!(
            message.contains("What failed: pattern-usr.service, sysusr-usr.mount. The lines"),
            "{message}"
        );
        assert!(message.contains("restarts in 5 minutes"), "{message}");
        assert!(reason(&units("")).starts_with("No unit failed: "));
    }
}

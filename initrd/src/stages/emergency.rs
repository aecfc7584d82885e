//! `pattern-emergency`: ends a failed boot of an image with `debug = false`. Nobody gets a shell.
//! The machine restarts after a while, because the cause may be gone by then.

use std::process::Command;
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result};
use pattern::boot::flags::Flags;
use pattern::plain::plain;
use pattern::program::Program;
use pattern_machine::people::consoles::Consoles;
use pattern_machine::{drivers, failure, logging, reboot};

/// Long enough to read the screen.
const PATIENCE: Duration = Duration::from_secs(300);

/// Says what failed, waits, and restarts the machine.
///
/// # Errors
/// When the machine does not restart. systemd restarts it then.
pub(crate) fn run() -> Result<()> {
    logging::start(Program::Emergency.name(), &Flags::default());
    let what = failed().map_or_else(|error| format!("{error:#}."), |failed| reason(&failed));
    let lines = message(&what, failure::kept().as_deref());
    log::warn!("{}", lines.join(" "));
    // The machine restarts whether anybody can read it or not.
    tell(&lines).unwrap_or_else(|error| log::warn!("{error:#}"));
    // For Control-Alt-Delete. A driver that hangs must not keep the machine from its restart.
    thread::Builder::new().spawn(drivers::load_all).ok();
    thread::sleep(PATIENCE);
    reboot::now()
}

/// Writes to all consoles of the boot, whatever the kernel's log level.
fn tell(lines: &[String]) -> Result<()> {
    let text: String = lines.iter().map(|line| format!("\r\n{line}")).collect();
    Consoles::open()?.show(&format!("\r\n{text}\r\n"))
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

/// Returns the lines for people. `cause` is what the stage that failed first said.
fn message(what: &str, cause: Option<&str>) -> Vec<String> {
    let minutes = PATIENCE.as_secs() / 60;
    let end = format!(
        "This image gives nobody a shell here. The machine restarts in {minutes} minutes; Control-Alt-Delete restarts it now."
    );
    let first = format!("This machine does not start. {what}");
    [Some(first.as_str()), cause, Some(&end)].into_iter().flatten().map(plain).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_are_told_what_failed_and_why() {
        let list = "pattern-usr.service loaded failed failed Open the verified /usr\nsysusr-usr.mount loaded failed\n\n";
        let cause = "pattern-usr: disk /dev/vda: no usable partition table";
        let lines = message(&reason(&units(list)), Some(cause));
        let first = "This machine does not start. What failed: pattern-usr.service, sysusr-usr.mount. The lines above say why.";
        assert_eq!(lines[..2], [first, cause]);
        assert!(lines[2].ends_with("The machine restarts in 5 minutes; Control-Alt-Delete restarts it now."));
        assert!(reason(&units("")).starts_with("No unit failed: "));
    }

    #[test]
    fn a_text_from_a_disk_stays_one_line() {
        let lines = message("x", Some("label \u{1b}[2J\nThe machine is fine"));
        assert_eq!(lines.len(), 3);
        assert!(lines.iter().all(|line| !line.contains(char::is_control)), "{lines:?}");
    }
}

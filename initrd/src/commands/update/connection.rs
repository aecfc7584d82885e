//! Collects what a limit goes by: the time of the day, and what NetworkManager says of the connection.

use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail};
use pattern::config::limit;
use pattern::update::metered::{Facts, Metered};
use pattern_machine::output;

/// The property `Metered` of NetworkManager, which is not started for it.
const METERED: [&str; 8] = [
    "--system",
    "--auto-start=no",
    "--timeout=5s",
    "get-property",
    "org.freedesktop.NetworkManager",
    "/org/freedesktop/NetworkManager",
    "org.freedesktop.NetworkManager",
    "Metered",
];

/// Looks. What can't be known lifts no limit.
pub(super) fn look() -> Facts {
    let minute = ask("date", &["+%H:%M"]).map(|time| limit::minute(time.trim()));
    let minute = minute.unwrap_or_else(|error| {
        output::message(&format!("pattern: asking what time it is: {error:#}"));
        None
    });
    // Where NetworkManager does not run, nobody has to hear of it.
    let metered = ask("busctl", &METERED).map_or(Metered::Unknown, |answer| Metered::parse(&answer));
    Facts { minute, metered }
}

/// Returns what a program of the image prints.
pub(crate) fn ask(program: &str, words: &[&str]) -> Result<String> {
    let mut command = Command::new(program);
    command.args(words).stdin(Stdio::null()).stderr(Stdio::null());
    let answer = command.output().with_context(|| format!("starting {program}"))?;
    if !answer.status.success() {
        bail!("{program} ended with {}", answer.status);
    }
    Ok(String::from_utf8(answer.stdout)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_of_the_day_is_read_from_the_program_that_has_the_zone() {
        assert!(look().minute.is_some_and(|minute| minute < 24 * 60));
    }

    #[test]
    fn a_program_that_fails_or_is_missing_has_no_answer() {
        let error = ask("false", &[]).unwrap_err().to_string();
        assert_eq!(error, "false ended with exit status: 1");
        assert_eq!(ask("pattern-none", &[]).unwrap_err().to_string(), "starting pattern-none");
    }
}

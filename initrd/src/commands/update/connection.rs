//! Collects what a limit goes by: the time of the day, and what NetworkManager says of the connection.

use std::process::{Command, Stdio};

use pattern::config::limit;
use pattern::update::metered::{Facts, Metered};

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
    let minute = ask("date", &["+%H:%M"]).and_then(|time| limit::minute(time.trim()));
    let metered = ask("busctl", &METERED).map_or(Metered::Unknown, |answer| Metered::parse(&answer));
    Facts { minute, metered }
}

/// Returns what a program of the image prints, unless it fails or is missing: nobody has to hear that NetworkManager does not run.
pub(crate) fn ask(program: &str, words: &[&str]) -> Option<String> {
    let mut command = Command::new(program);
    command.args(words).stdin(Stdio::null()).stderr(Stdio::null());
    let answer = command.output().ok().filter(|answer| answer.status.success())?;
    String::from_utf8(answer.stdout).ok()
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
        assert_eq!(ask("echo", &["u 4"]).as_deref(), Some("u 4\n"));
        assert_eq!([ask("false", &[]), ask("pattern-none", &[])], [None, None]);
    }
}

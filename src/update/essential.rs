//! Judges whether an essential unit does its work, by what systemd says of it.

use std::collections::BTreeMap;

/// What systemd is asked for (org.freedesktop.systemd1(5)).
pub const PROPERTIES: &str = "LoadState,ActiveState,SubState,Result,Type,Job,NRestarts,InvocationID,\
                              ConditionResult,ConditionTimestampMonotonic,ExecMainExitTimestampMonotonic";

/// What a unit is like at one moment.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum State {
    /// It does its work. The text changes when it is started again.
    Works(String),
    /// It is not known yet. The text says what it does.
    Unsettled(&'static str),
    /// It will not work by itself any more. The text says why.
    Broken(String),
}

/// Reads lines of `PROPERTY=VALUE`, as `systemctl show` prints them.
#[must_use]
pub fn state(shown: &str) -> State {
    let properties: BTreeMap<&str, &str> = shown.lines().filter_map(|line| line.split_once('=')).collect();
    let of = |name: &str| properties.get(name).copied().unwrap_or_default();
    match (of("LoadState"), of("ActiveState")) {
        ("masked", _) => State::Broken("is masked".to_owned()),
        ("loaded", "failed") => State::Broken("failed".to_owned()),
        ("loaded", "active" | "reloading" | "refreshing") => {
            State::Works(format!("{} {}", of("InvocationID"), of("NRestarts")))
        }
        ("loaded", "activating") if of("SubState").starts_with("auto-restart") => {
            State::Unsettled("ends, and is started again and again")
        }
        ("loaded", "activating") => State::Unsettled("is still being started"),
        ("loaded", "deactivating") => State::Unsettled("is being stopped"),
        ("loaded", _) => inactive(&of),
        _ => State::Broken("does not exist".to_owned()),
    }
}

/// A unit that does not run may wait for others, or may have done its work.
fn inactive<'a>(of: &impl Fn(&str) -> &'a str) -> State {
    let happened = |name| !matches!(of(name), "" | "0");
    if happened("Job") {
        return State::Unsettled("waits to be started");
    }
    if of("Type") == "oneshot" && of("Result") == "success" && happened("ExecMainExitTimestampMonotonic") {
        return State::Works(of("InvocationID").to_owned());
    }
    if happened("ConditionTimestampMonotonic") && of("ConditionResult") == "no" {
        return State::Broken("was skipped: a condition of it is not met".to_owned());
    }
    State::Broken(
        "does not run: nothing has started it, it has ended, or a unit that it needs failed".to_owned(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What systemctl of systemd 257 printed for units of these kinds.
    fn unit(changes: &str) -> State {
        let mut lines = vec![
            "Type=simple",
            "NRestarts=0",
            "ExecMainExitTimestampMonotonic=0",
            "Result=success",
            "LoadState=loaded",
            "ActiveState=inactive",
            "SubState=dead",
            "ConditionResult=no",
            "ConditionTimestampMonotonic=0",
            "InvocationID=",
        ];
        let key = |line: &str| line.split_once('=').unwrap().0.to_owned();
        lines.retain(|line| !changes.lines().any(|change| key(change) == key(line)));
        state(&format!("{}\n{changes}\n", lines.join("\n")))
    }

    #[test]
    fn a_unit_that_runs_or_has_done_its_work_works() {
        let running = unit("ActiveState=active\nSubState=running\nInvocationID=7a");
        assert_eq!(running, State::Works("7a 0".to_owned()));
        assert!(matches!(unit("ActiveState=reloading"), State::Works(_)));
        let done = unit("Type=oneshot\nExecMainExitTimestampMonotonic=9\nInvocationID=7b");
        assert_eq!(done, State::Works("7b".to_owned()));
        // A target or a mount has neither type nor result.
        assert!(matches!(state("LoadState=loaded\nActiveState=active"), State::Works(_)));
    }

    #[test]
    fn a_unit_that_is_started_again_is_another_one() {
        let restarted =
            |count| unit(&format!("ActiveState=active\nInvocationID=7{count}\nNRestarts={count}"));
        assert_ne!(restarted(1), restarted(2));
    }

    #[test]
    fn a_unit_that_is_not_settled_is_waited_for() {
        for (changes, does) in [
            ("ActiveState=activating\nSubState=start", "is still being started"),
            ("ActiveState=activating\nSubState=auto-restart", "ends, and is started again and again"),
            ("ActiveState=activating\nSubState=auto-restart-queued", "ends, and is started again and again"),
            ("ActiveState=deactivating\nSubState=stop-sigterm", "is being stopped"),
            ("Job=1234", "waits to be started"),
        ] {
            assert_eq!(unit(changes), State::Unsettled(does), "{changes}");
        }
    }

    #[test]
    fn a_unit_that_does_not_work_is_said_to() {
        let no = "does not run: nothing has started it, it has ended, or a unit that it needs failed";
        for (changes, why) in [
            ("ActiveState=failed\nResult=exit-code", "failed"),
            ("LoadState=not-found", "does not exist"),
            ("LoadState=masked\nActiveState=inactive", "is masked"),
            ("LoadState=bad-setting", "does not exist"),
            // Nothing started it, or its dependency failed: systemd does not tell these apart.
            ("", no),
            // It ended by itself, with success.
            ("ExecMainExitTimestampMonotonic=9", no),
            ("Type=oneshot", no),
            ("Type=oneshot\nResult=exit-code\nExecMainExitTimestampMonotonic=9", no),
            ("ConditionTimestampMonotonic=9", "was skipped: a condition of it is not met"),
        ] {
            assert_eq!(unit(changes), State::Broken(why.to_owned()), "{changes}");
        }
        assert!(matches!(state(""), State::Broken(_)));
    }
}

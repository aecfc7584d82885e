//! The units of the running system: for updates, for `debug`, and for the corruption policy.

use crate::config::{Config, Corruption};
use crate::plan::unit::{self, Text};
use crate::program::Program;

use super::initrd::emergency_shell;
use super::{CONFIG_PATH, Plan, trial};

/// systemd's service for updates by a timer: its name up to systemd 261, and the one from 262 on.
const SYSUPDATE: [&str; 2] = ["systemd-sysupdate.service", "systemd-sysupdate-update.service"];

/// Returns the plan for one boot.
pub(super) fn plan(config: &Config) -> Plan {
    let mut plan = Plan::default();
    if config.verity.on_corruption == Corruption::Restart {
        plan.pull_in("sysinit.target.wants", unit::DISARM);
    }
    if config.keeps_host() {
        plan.pull_in("multi-user.target.wants", unit::HOST);
    }
    updates(&mut plan, config);
    plan.pull_in("multi-user.target.wants", Program::Recovery.unit());
    trial::judge(&mut plan, config);
    if !config.debug {
        plan.pull_in("paths.target.wants", unit::AHEAD_PATH);
    }
    if config.debug {
        root_login(&mut plan);
        emergency_shell(&mut plan);
    }
    plan
}

/// Lets timed updates do the same checks as updates by hand. Reports a version that failed.
fn updates(plan: &mut Plan, config: &Config) {
    // The command hides /etc from systemd-sysupdate by a mount namespace, which systemd 257 forbids
    // its own program. The lists of several lines are added up.
    // A version that can't be installed now is not a failure: the timer comes again.
    let limit = config.image.updates.limit.map_or_else(String::new, |limit| format!(" {limit}"));
    let command = format!("/usr/bin/pattern update{limit}");
    let settings = [
        ("ExecStart", ""),
        ("ExecStart", &command),
        ("SuccessExitStatus", "75"),
        ("RestrictNamespaces", "mnt"),
    ];
    for name in SYSUPDATE {
        let text = Text::from_source(CONFIG_PATH).section("Service", &settings);
        plan.file(&format!("{name}.d/50-pattern.conf"), text);
    }
    plan.pull_in("multi-user.target.wants", Program::Fallback.unit());
}

/// Logs root in on every console, without a password.
fn root_login(plan: &mut Plan) {
    let gettys = [
        ("getty@.service", "-/sbin/agetty --autologin root --noreset --noclear - $TERM"),
        (
            "serial-getty@.service",
            "-/sbin/agetty --autologin root --keep-baud 115200,57600,38400,9600 - $TERM",
        ),
    ];
    for (name, command) in gettys {
        let settings = [("ExecStart", ""), ("ExecStart", command)];
        let text = Text::from_source(CONFIG_PATH).section("Service", &settings);
        plan.file(&format!("{name}.d/50-pattern-debug.conf"), text);
    }
}

//! What an image with `debug = false` denies everybody in the initrd: a shell when a boot fails,
//! and changes by credentials.

use crate::config::Config;
use crate::plan::unit::Text;
use crate::program::Program;

use super::{CONFIG_PATH, Plan};

/// systemd's units that take files or settings from credentials (`ImportCredential=`).
const TAKE_CREDENTIALS: [&str; 5] = [
    "systemd-journald.service",
    "systemd-sysctl.service",
    "systemd-tmpfiles-setup-dev-early.service",
    "systemd-tmpfiles-setup-dev.service",
    "systemd-tmpfiles-setup.service",
];

/// Adds all restrictions.
pub(super) fn confine(plan: &mut Plan) {
    no_shell(plan);
    no_credentials(plan);
}

/// Replaces the shell at the end of a failed boot: people see a message, and the machine restarts
/// after a while. The program opens the consoles itself, because a serial line that is not there
/// fails every write. Whatever ends the program or what runs before it, systemd restarts the machine.
fn no_shell(plan: &mut Plan) {
    for name in ["emergency.service", "rescue.service"] {
        let settings = [
            ("ExecStart", ""),
            ("ExecStart", &Program::Emergency.path()),
            ("StandardInput", "null"),
            ("StandardOutput", "null"),
            ("StandardError", "kmsg"),
        ];
        let text = text().section("Unit", &[("FailureAction", "reboot-force")]).section("Service", &settings);
        drop_in(plan, name, text);
    }
}

/// Keeps credentials away from units of the initrd. None of them needs any.
fn no_credentials(plan: &mut Plan) {
    for name in TAKE_CREDENTIALS {
        drop_in(plan, name, text().section("Service", &[("ImportCredential", "")]));
    }
}

/// Starts our program that passes on the credentials that the image lists. systemd imports none, by
/// the kernel command line.
pub(super) fn credentials(plan: &mut Plan, config: &Config) {
    if !config.debug && !config.boot.credentials.is_empty() {
        plan.pull_in("initrd.target.wants", Program::Credentials.unit());
    }
}

fn text() -> Text {
    Text::from_source(CONFIG_PATH)
}

fn drop_in(plan: &mut Plan, unit: &str, text: Text) {
    plan.file(&format!("{unit}.d/80-pattern-production.conf"), text);
}

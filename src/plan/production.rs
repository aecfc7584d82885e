//! What an image with `debug = false` keeps from everybody in the initrd: a shell where a boot ends, and changes by
//! credentials.

use crate::config::Config;
use crate::plan::unit::Text;
use crate::program::Program;

use super::{CONFIG_PATH, Plan, shipped};

/// Those of systemd's that take files or settings from credentials (`ImportCredential=` in their units).
const TAKE_CREDENTIALS: [&str; 5] = [
    "systemd-journald.service",
    "systemd-sysctl.service",
    "systemd-tmpfiles-setup-dev-early.service",
    "systemd-tmpfiles-setup-dev.service",
    "systemd-tmpfiles-setup.service",
];

/// All of it.
pub(super) fn confine(plan: &mut Plan) {
    no_shell(plan);
    no_credentials(plan);
}

/// Where a boot ends, people are told so, and the machine restarts after a while.
fn no_shell(plan: &mut Plan) {
    for name in ["emergency.service", "rescue.service"] {
        let settings = [
            ("ExecStart", ""),
            ("ExecStart", &Program::Emergency.path()),
            ("StandardInput", "null"),
            ("StandardOutput", "tty"),
            ("StandardError", "tty"),
        ];
        drop_in(plan, name, &settings);
    }
}

/// Nothing in the initrd needs any.
fn no_credentials(plan: &mut Plan) {
    for name in TAKE_CREDENTIALS {
        drop_in(plan, name, &[("ImportCredential", "")]);
    }
}

/// The running system is given those that the image lists, by our program: the kernel command line has systemd take none.
pub(super) fn credentials(plan: &mut Plan, config: &Config) {
    if !config.debug && !config.boot.credentials.is_empty() {
        plan.link(
            &format!("initrd.target.wants/{}", Program::Credentials.unit()),
            &shipped(Program::Credentials.unit()),
        );
    }
}

fn drop_in(plan: &mut Plan, unit: &str, settings: &[(&str, &str)]) {
    let text = Text::from_source(CONFIG_PATH).section("Service", settings);
    plan.file(&format!("{unit}.d/80-pattern-production.conf"), text);
}

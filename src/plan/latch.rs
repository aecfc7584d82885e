//! The units that keep the volume's key from everything after the initrd.

use crate::plan::unit::Text;
use crate::program::Program;

use super::{CONFIG_PATH, Plan};

/// Starts the system only after the key is locked, whatever unit starts it.
pub(super) fn before_the_system(plan: &mut Plan) {
    plan.pull_in("initrd.target.requires", Program::Latch.unit());
    for name in ["initrd-cleanup.service", "initrd-switch-root.service"] {
        let settings = [("Requires", Program::Latch.unit()), ("After", Program::Latch.unit())];
        let text = Text::from_source(CONFIG_PATH).section("Unit", &settings);
        plan.file(&format!("{name}.d/50-pattern.conf"), text);
    }
}

/// Locks the key before an emergency shell, too. A version on trial restarts earlier, whatever its
/// TPM does. An image without a shell has nobody to keep the key from, and a TPM that stopped
/// answering would take the time in which people are told: systemd ends a command before the
/// service after 90 seconds, and the service with it.
pub(super) fn before_a_shell(plan: &mut Plan) {
    let command = format!("{} --emergency", Program::Latch.path());
    for name in ["emergency.service", "rescue.service"] {
        let settings = [("ExecStartPre", command.as_str())];
        let text = Text::from_source(CONFIG_PATH).section("Service", &settings);
        plan.file(&format!("{name}.d/70-pattern-latch.conf"), text);
    }
}

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
/// TPM does. Without a shell there is nobody to keep the key from. Then a TPM that fails must not
/// prevent the message to people at the console.
pub(super) fn before_a_shell(plan: &mut Plan, shell: bool) {
    let latch = format!("{} --emergency", Program::Latch.path());
    let command = if shell { latch } else { format!("-{latch}") };
    for name in ["emergency.service", "rescue.service"] {
        let settings = [("ExecStartPre", command.as_str())];
        let text = Text::from_source(CONFIG_PATH).section("Service", &settings);
        plan.file(&format!("{name}.d/70-pattern-latch.conf"), text);
    }
}

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

/// Locks the key before the emergency shell of an image with `debug = true`, too. If the TPM does not let it, the shell comes
/// nevertheless: root is logged in there anyway, and finds out why. A TPM that stopped answering takes minutes to say so, and
/// systemd would end the service after 90 seconds. A version on trial restarts earlier, whatever its TPM does. An image without
/// a shell has nobody to keep the key from.
pub(super) fn before_a_shell(plan: &mut Plan) {
    let command = format!("-{} --emergency", Program::Latch.path());
    for name in ["emergency.service", "rescue.service"] {
        let settings = [("TimeoutStartSec", "infinity"), ("ExecStartPre", command.as_str())];
        let text = Text::from_source(CONFIG_PATH).section("Service", &settings);
        plan.file(&format!("{name}.d/70-pattern-latch.conf"), text);
    }
}

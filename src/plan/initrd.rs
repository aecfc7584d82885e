//! The units of the initrd. The stages mount what they open: the generator does not write mount
//! units.

use crate::boot::flags::{Flags, Stage};
use crate::config::Config;
use crate::plan::unit::{self, Text};
use crate::program::Program;

use super::{CONFIG_PATH, Plan, latch, production};

const USR_TARGET: &str = "initrd-usr-fs.target";
const FS_TARGET: &str = "initrd-fs.target";

/// Returns the plan for one boot.
pub(super) fn plan(config: &Config, flags: &Flags) -> Plan {
    let mut plan = Plan::default();
    require(&mut plan, USR_TARGET, Program::Usr.unit());
    if flags.plan_only {
        plan.pull_in(&format!("{FS_TARGET}.wants"), Program::Persist.unit());
    } else if !flags.volatile {
        require(&mut plan, FS_TARGET, Program::Persist.unit());
    }
    require(&mut plan, FS_TARGET, Program::Seed.unit());
    production::credentials(&mut plan, config);
    no_separator(&mut plan);
    latch::before_the_system(&mut plan);
    if let Some(stage) = flags.break_at {
        break_before(&mut plan, stage);
    }
    if config.debug {
        emergency_shell(&mut plan);
    }
    plan
}

fn require(plan: &mut Plan, by: &str, unit: &str) {
    plan.pull_in(&format!("{by}.requires"), unit);
}

/// Keeps systemd from measuring the word `os-separator` in the initrd, as versions from 261 on do where the initrd has their unit
/// (systemd-pcrosseparator.service(8)). PCR 12 would have a value although nothing was added to the kernel image, and PCR 7 and others
/// would not be what the firmware's event log says. What the word is to end, extending PCR 15 ends for the volume.
fn no_separator(plan: &mut Plan) {
    // The unit itself asks for the opposite.
    let text =
        Text::from_source(CONFIG_PATH).section("Unit", &[("ConditionPathExists", "!/etc/initrd-release")]);
    plan.file("systemd-pcrosseparator.service.d/80-pattern.conf", text);
}

fn break_before(plan: &mut Plan, stage: Stage) {
    let before_the_volume = format!("{} {}", Program::Reset.unit(), Program::Persist.unit());
    let (before, after, by) = match stage {
        Stage::Usr => (Program::Usr.unit(), "sysinit.target", USR_TARGET),
        Stage::Grow => (Program::Grow.unit(), Program::Usr.unit(), FS_TARGET),
        Stage::Persist => (before_the_volume.as_str(), Program::Grow.unit(), FS_TARGET),
        Stage::SwitchRoot => {
            ("initrd-cleanup.service", "initrd-fs.target pattern-latch.service", "initrd.target")
        }
    };
    let order = [("Before", before), ("After", after)];
    let text = Text::from_source("pattern.break= on the kernel command line").section("Unit", &order);
    plan.file(&format!("{}.d/50-stage.conf", unit::BREAK), text);
    require(plan, by, unit::BREAK);
}

/// Loads the drivers of keyboards before somebody is to type. No udev does so in the initrd.
pub(super) fn keyboards(plan: &mut Plan) {
    let command = format!("-{} --drivers", Program::Usr.path());
    for name in ["emergency.service", "rescue.service"] {
        let text = Text::from_source(CONFIG_PATH).section("Service", &[("ExecStartPre", &command)]);
        plan.file(&format!("{name}.d/75-pattern-drivers.conf"), text);
    }
}

/// Lets `emergency.service` give a root shell although the root account is locked.
pub(super) fn emergency_shell(plan: &mut Plan) {
    for name in ["emergency.service", "rescue.service"] {
        let text =
            Text::from_source(CONFIG_PATH).section("Service", &[("Environment", "SYSTEMD_SULOGIN_FORCE=1")]);
        plan.file(&format!("{name}.d/50-pattern-debug.conf"), text);
    }
}

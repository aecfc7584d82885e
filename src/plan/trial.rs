//! What a version on trial must achieve: it proves itself, or the machine restarts and finally
//! falls back.

use crate::config::Config;
use crate::plan::unit::{BLESSED, INTERRUPTED, Text};
use crate::program::Program;

use super::{CONFIG_PATH, Plan};

/// Restarts the machine without a person if a boot on trial ends in an emergency, for the next try.
pub(super) fn retry(plan: &mut Plan) {
    let text = Text::from_source(CONFIG_PATH);
    let text = text.section("Service", &[("ExecStartPre", &Program::Retry.path())]);
    plan.file("emergency.service.d/60-pattern-trial.conf", text);
}

/// Adds checks to `boot-complete.target`. Only a counted boot starts that target.
pub(super) fn judge(plan: &mut Plan, config: &Config) {
    let checks = [Program::Health.unit(), Program::Scrub.unit()];
    checks.iter().for_each(|name| plan.pull_in("boot-complete.target.requires", name));
    plan.pull_in("boot-complete.target.wants", INTERRUPTED);
    if !config.partitions.persist.rollback.is_empty() {
        // systemd's own, which only a counted boot starts.
        plan.pull_in("systemd-bless-boot.service.wants", BLESSED);
    }
    if !config.boot.essential.is_empty() {
        for unit in [Program::Health.unit(), INTERRUPTED] {
            let order = config.boot.essential.iter().map(|name| ("After", &**name)).collect::<Vec<_>>();
            let text = Text::from_source(CONFIG_PATH).section("Unit", &order);
            plan.file(&format!("{unit}.d/50-essential.conf"), text);
        }
    }
}

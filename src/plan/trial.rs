//! What a version on trial must achieve: it proves itself, or the machine restarts and finally
//! falls back.

use crate::config::Config;
use crate::plan::unit::Text;
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
    for name in [Program::Health.unit(), Program::Scrub.unit()] {
        plan.pull_in("boot-complete.target.requires", name);
    }
    let patience = [("JobTimeoutSec", "30min"), ("JobTimeoutAction", "reboot")];
    let text = Text::from_source(CONFIG_PATH).section("Unit", &patience);
    plan.file("boot-complete.target.d/50-pattern.conf", text);
    if !config.boot.essential.is_empty() {
        let order = config.boot.essential.iter().map(|name| ("After", &**name)).collect::<Vec<_>>();
        let text = Text::from_source(CONFIG_PATH).section("Unit", &order);
        plan.file(&format!("{}.d/50-essential.conf", Program::Health.unit()), text);
    }
}

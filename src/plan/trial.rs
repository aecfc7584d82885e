//! What a version on trial is held to: it proves itself, or the machine restarts and goes back in the end.

use crate::config::Config;
use crate::plan::unit::Text;
use crate::program::Program;

use super::{CONFIG_PATH, Plan, shipped};

/// Where the boot of a version on trial ends in an emergency, the next try follows with nobody at the keyboard.
pub(super) fn retry(plan: &mut Plan) {
    let text = Text::from_source(CONFIG_PATH);
    let text = text.section("Service", &[("ExecStartPre", &Program::Retry.path())]);
    plan.file("emergency.service.d/60-pattern-trial.conf", text);
}

/// Gives `boot-complete.target` its meaning. Only a boot that is counted starts it.
pub(super) fn judge(plan: &mut Plan, config: &Config) {
    for name in [Program::Health.unit(), Program::Scrub.unit()] {
        plan.link(&format!("boot-complete.target.requires/{name}"), &shipped(name));
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

//! The `pattern.*` flags of the kernel command line.
//!
//! The image decides which of them it honours. It always honours the logging flags, and the flag
//! that only makes the boot ask. It honours the others with `debug = true`, or if `boot.flags`
//! names them. The rest is reported and ignored.

use crate::boot::cmdline::{Cmdline, same_key};
use crate::config::{Config, FlagName};

/// What the command line requests, as far as the image allows it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Flags {
    /// The least important level that is still logged.
    pub log_level: LogLevel,
    /// Where messages go.
    pub log_target: LogTarget,
    /// Start a shell before this stage.
    pub break_at: Option<Stage>,
    /// Persist nothing in this boot.
    pub volatile: bool,
    /// Log what would be done to the disk, and change nothing.
    pub plan_only: bool,
    /// Bring the partition table and the file system to their target size.
    pub grow: bool,
    /// Offer a factory reset on the console.
    pub reset: bool,
}

impl Default for Flags {
    fn default() -> Self {
        Self {
            log_level: LogLevel::Info,
            log_target: LogTarget::Kmsg,
            break_at: None,
            volatile: false,
            plan_only: false,
            grow: true,
            reset: false,
        }
    }
}

/// Importance of a message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs)]
pub enum LogLevel {
    Error,
    Warn,
    Info,
    Debug,
}

/// Where the programs log.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LogTarget {
    /// The kernel log, which the journal also reads.
    Kmsg,
    /// `/dev/console`.
    Console,
}

/// A point of the boot at which a shell can be requested.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs)]
pub enum Stage {
    Usr,
    Grow,
    Persist,
    SwitchRoot,
}

type Words<T> = &'static [(&'static str, T)];

const LEVELS: Words<LogLevel> = &[
    ("error", LogLevel::Error),
    ("warn", LogLevel::Warn),
    ("info", LogLevel::Info),
    ("debug", LogLevel::Debug),
];

const TARGETS: Words<LogTarget> = &[("kmsg", LogTarget::Kmsg), ("console", LogTarget::Console)];

const STAGES: Words<Stage> = &[
    ("usr", Stage::Usr),
    ("grow", Stage::Grow),
    ("persist", Stage::Persist),
    ("switch-root", Stage::SwitchRoot),
];

const SWITCH: Words<bool> = &[
    ("yes", true),
    ("no", false),
    ("true", true),
    ("false", false),
    ("on", true),
    ("off", false),
    ("1", true),
    ("0", false),
];

const PREFIX: &str = "pattern.";

impl Flags {
    /// Reads the flags that the image honours. Other flags, and values that are not valid, change
    /// nothing. Each of them is returned as one sentence.
    #[must_use]
    pub fn read(cmdline: &Cmdline, config: &Config) -> (Self, Vec<String>) {
        let mut flags = Self::default();
        let mut ignored = Vec::new();
        for (key, value) in cmdline.starting_with(PREFIX) {
            if let Err(reason) = flags.take(config, key.trim_start_matches(PREFIX), value) {
                // Quoted words may contain line ends, and a log would show each line separately.
                ignored.push(format!("kernel command line: {}: ignored: {reason}", key.escape_debug()));
            }
        }
        (flags, ignored)
    }

    fn take(&mut self, config: &Config, name: &str, value: Option<&str>) -> Result<(), String> {
        match name {
            _ if same_key(name, "log_level") => self.log_level = choose(LEVELS, value, None)?,
            _ if same_key(name, "log_target") => self.log_target = choose(TARGETS, value, None)?,
            // Always honoured: whoever can set it could also take the disk out, and nothing is
            // erased without a person's word.
            _ if same_key(name, "reset") => self.reset = choose(SWITCH, value, Some(true))?,
            _ => return self.take_guarded(config, name, value),
        }
        Ok(())
    }

    fn take_guarded(&mut self, config: &Config, name: &str, value: Option<&str>) -> Result<(), String> {
        let flag = FlagName::ALL.iter().find(|flag| same_key(flag.name(), name));
        let flag = *flag.ok_or("there is no such flag, see pattern-kernel-command-line(7)")?;
        if !config.honours(flag) {
            return Err("this image has debug = false and does not list it in boot.flags".to_owned());
        }
        match flag {
            FlagName::Break if !config.debug => {
                return Err("a shell is only given by an image with debug = true".to_owned());
            }
            FlagName::Break => self.break_at = Some(choose(STAGES, value, None)?),
            FlagName::Volatile => self.volatile = choose(SWITCH, value, Some(true))?,
            FlagName::PlanOnly => self.plan_only = choose(SWITCH, value, Some(true))?,
            FlagName::Grow => self.grow = choose(SWITCH, value, Some(true))?,
        }
        Ok(())
    }
}

/// Returns the meaning of a value. `bare` is the meaning of a key without a value.
fn choose<T: Copy>(words: Words<T>, value: Option<&str>, bare: Option<T>) -> Result<T, String> {
    let known = || words.iter().map(|(word, _)| *word).collect::<Vec<_>>().join(", ");
    match (value, bare) {
        (None, Some(meaning)) => Ok(meaning),
        (None, None) => Err(format!("it needs a value, one of: {}", known())),
        (Some(given), _) => {
            let found = words.iter().find(|(word, _)| *word == given);
            found.map(|(_, meaning)| *meaning).ok_or_else(|| format!("{given:?} is not one of: {}", known()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_production_image_offers_a_reset_and_nothing_else() {
        let config = crate::config::samples::config(false, "");
        let read = |words| Flags::read(&Cmdline::parse(words), &config);
        let (flags, ignored) = read("pattern.reset pattern.volatile");
        assert!(flags.reset && !flags.volatile);
        assert_eq!(ignored.len(), 1, "{ignored:?}");
        assert_eq!(read("pattern.reset=no"), (Flags::default(), Vec::new()));
        assert_eq!(read("pattern.reset=now").1.len(), 1);
    }
}

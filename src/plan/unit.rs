//! Names and texts of systemd units.

use crate::program::Program;

/// Starts a shell before a stage.
pub const BREAK: &str = "pattern-break.service";
/// Fails with the messages that the generator logged.
pub const CONFIG: &str = "pattern-config.service";
/// Records an orderly shutdown, so that the next corruption may restart the machine again.
pub const DISARM: &str = "pattern-usr-disarm.service";
/// Keeps what makes a machine without a persistent `/etc` the same one for others.
pub const HOST: &str = "pattern-host.service";
/// Gives a try back if an orderly end interrupts a trial.
pub const INTERRUPTED: &str = "pattern-interrupted.service";

/// Removes the copy of the state from before a trial, once the version was found to be good.
pub const BLESSED: &str = "pattern-blessed.service";

/// Lets the volume open after a staged change of Secure Boot's keys.
pub const AHEAD: &str = "pattern-rebind-ahead.service";
/// Starts [`AHEAD`] when such a change is staged.
pub const AHEAD_PATH: &str = "pattern-rebind-ahead.path";

/// Requests a factory reset from the next boot, under systemd's name for it.
pub const RESET_REQUEST: &str = "pattern-reset-request.service";

/// The constant units that start none of our programs, or start one with an argument.
const OTHERS: [&str; 9] =
    [BLESSED, BREAK, CONFIG, DISARM, HOST, INTERRUPTED, AHEAD, AHEAD_PATH, RESET_REQUEST];

/// Returns the constant units, by their names in `units/`.
pub fn shipped() -> impl Iterator<Item = &'static str> {
    let programs = Program::ALL.into_iter().filter(|program| program.has_unit());
    programs.map(Program::unit).chain(OTHERS)
}

/// The text of a unit file, built section by section.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Text(String);

impl Text {
    /// Starts with a line that says who wrote the file, and from which source.
    #[must_use]
    pub fn from_source(source: &str) -> Self {
        Self(format!("# Written by pattern-generator from {source}\n"))
    }

    /// Adds a section. A key may occur more than once.
    #[must_use]
    pub fn section(mut self, name: &str, settings: &[(&str, &str)]) -> Self {
        self.0.push_str(&format!("\n[{name}]\n"));
        for (key, value) in settings {
            self.0.push_str(&format!("{key}={value}\n"));
        }
        self
    }

    /// Returns the whole file.
    #[must_use]
    pub fn into_string(self) -> String {
        self.0
    }
}

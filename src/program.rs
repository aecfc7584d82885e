//! The programs that units start: one static program under several names.

/// The systemd instance that starts a program.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Manager {
    /// The systemd of the initrd.
    Initrd,
    /// The systemd that runs from `/usr`.
    Host,
}

/// Name of the generator, which systemd starts before it loads units (systemd.generator(7)).
pub const GENERATOR: &str = "pattern-generator";
/// Folder of the programs in images.
pub const FOLDER: &str = "/usr/lib/pattern";
/// The program that fetches what a machine lacks of a new version. No unit starts it, and the initrd does not have it.
pub const FETCH: &str = "/usr/libexec/pattern-fetch";

/// One of the programs. `initrd/src/main.rs` says what each does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs, reason = "each is named after what it does")]
pub enum Program {
    Usr,
    Grow,
    Reset,
    Persist,
    Seed,
    Credentials,
    Latch,
    Retry,
    Emergency,
    Health,
    Scrub,
    Fallback,
    Recovery,
}

impl Program {
    /// All programs.
    pub const ALL: [Self; 13] = [
        Self::Usr,
        Self::Grow,
        Self::Reset,
        Self::Persist,
        Self::Seed,
        Self::Credentials,
        Self::Latch,
        Self::Retry,
        Self::Emergency,
        Self::Health,
        Self::Scrub,
        Self::Fallback,
        Self::Recovery,
    ];

    /// Returns the program's unit. Some programs do not [have one](Self::has_unit).
    #[must_use]
    pub const fn unit(self) -> &'static str {
        match self {
            Self::Usr => "pattern-usr.service",
            Self::Grow => "pattern-grow.service",
            Self::Reset => "pattern-reset.service",
            Self::Persist => "pattern-persist.service",
            Self::Seed => "pattern-seed.service",
            Self::Credentials => "pattern-credentials.service",
            Self::Latch => "pattern-latch.service",
            Self::Retry => "pattern-retry.service",
            Self::Emergency => "pattern-emergency.service",
            Self::Health => "pattern-health.service",
            Self::Scrub => "pattern-scrub.service",
            Self::Fallback => "pattern-fallback.service",
            Self::Recovery => "pattern-recovery.service",
        }
    }

    /// Returns the name under which the program is started: its unit's.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.unit().trim_end_matches(".service")
    }

    /// Returns the program of this name.
    #[must_use]
    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|program| program.name() == name)
    }

    /// Returns the path of the program.
    #[must_use]
    pub fn path(self) -> String {
        format!("{FOLDER}/{}", self.name())
    }

    /// Returns whether the program has its own unit. Drop-ins of `emergency.service` start the
    /// others.
    #[must_use]
    pub const fn has_unit(self) -> bool {
        !matches!(self, Self::Retry | Self::Emergency)
    }

    /// Returns the systemd instance that starts the program.
    #[must_use]
    pub const fn runs_in(self) -> Manager {
        match self {
            Self::Health | Self::Scrub | Self::Fallback | Self::Recovery => Manager::Host,
            _ => Manager::Initrd,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_found_by_its_name() {
        for program in Program::ALL {
            assert_eq!(Program::of_name(program.name()), Some(program));
        }
        assert_eq!(Program::of_name("pattern"), None);
        assert_eq!(Program::Usr.path(), "/usr/lib/pattern/pattern-usr");
        assert_eq!(Program::Usr.unit(), "pattern-usr.service");
    }
}

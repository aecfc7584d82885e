//! Determines from two variables whether the firmware enforces Secure Boot (UEFI Specification,
//! "Globally Defined Variables").

use std::fmt;

use crate::config::{Config, SecureBoot};

/// The two variables, as efivarfs names them.
pub const VARIABLES: [&str; 2] =
    ["SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c", "SetupMode-8be4df61-93ca-11d2-aa0d-00e098032b8c"];

/// What the firmware enforces.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum State {
    /// It starts only what its keys allow.
    On,
    /// It starts anything.
    Off,
    /// It starts anything, and accepts keys from anyone.
    SetupMode,
    /// The machine has no such firmware.
    Absent,
}

impl State {
    /// Returns the state from the contents of [`VARIABLES`] in efivarfs: four bytes of attributes,
    /// then the value.
    #[must_use]
    pub fn of(secure_boot: Option<&[u8]>, setup_mode: Option<&[u8]>) -> Self {
        let value = |bytes: Option<&[u8]>| bytes.and_then(|bytes| bytes.get(4)).copied();
        match (value(secure_boot), value(setup_mode)) {
            (None, None) => Self::Absent,
            (_, Some(1)) => Self::SetupMode,
            (Some(1), _) => Self::On,
            _ => Self::Off,
        }
    }

    /// Returns whether an image may seal keys and record volumes in this state.
    #[must_use]
    pub fn allows(self, config: &Config) -> bool {
        self == Self::On || config.secure_boot() == SecureBoot::Optional
    }

    /// Returns what to do to switch Secure Boot on.
    #[must_use]
    pub fn advice(self) -> &'static str {
        match self {
            Self::On => "",
            Self::Off => "turn Secure Boot on in the firmware's setup",
            Self::SetupMode => {
                "enroll the keys of this image: choose \"Enroll Secure Boot keys\" in the boot menu, or enter the \
                 certificates of NAME-keys in the firmware's setup"
            }
            Self::Absent => "start this image by UEFI firmware with Secure Boot",
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::On => "Secure Boot is on",
            Self::Off => "Secure Boot is off",
            Self::SetupMode => "the firmware is in Setup Mode, so Secure Boot is off",
            Self::Absent => "this machine has no Secure Boot",
        })
    }
}

/// Returns a message for the owner: what an image with `debug = false` does not protect in this
/// state. `None` if there is nothing to say. `tpm` says whether the machine has one.
#[must_use]
pub fn warning(state: State, config: &Config, tpm: bool) -> Option<String> {
    let (attack, then) = match tpm {
        true => ("have the TPM open the volume", ", then run: pattern rebind"),
        false => ("have it ask for the passphrase", ""),
    };
    (state != State::On && !config.debug).then(|| {
        format!(
            "{state}. Anyone who has this machine switched off can start a system of their own on it, and {attack}. To \
             protect the volume, {}{then}",
            state.advice()
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::samples::config;

    #[test]
    fn the_variables_tell_the_state() {
        let (zero, one) = (&[6, 0, 0, 0, 0][..], &[6, 0, 0, 0, 1][..]);
        for (secure_boot, setup_mode, wanted) in [
            (Some(one), Some(zero), State::On),
            (Some(one), None, State::On),
            (Some(zero), Some(zero), State::Off),
            (Some(zero), Some(one), State::SetupMode),
            // Firmware that contradicts itself is not trusted.
            (Some(one), Some(one), State::SetupMode),
            (Some(&[6, 0, 0, 0]), Some(zero), State::Off),
            (None, None, State::Absent),
        ] {
            assert_eq!(State::of(secure_boot, setup_mode), wanted);
        }
    }

    #[test]
    fn an_image_for_use_needs_it_on_unless_it_says_otherwise() {
        let (required, optional) = (config(false, ""), config(false, "secure_boot = \"optional\""));
        for state in [State::Off, State::SetupMode, State::Absent] {
            assert!(!state.allows(&required) && state.allows(&optional), "{state}");
            assert!(state.allows(&config(true, "")), "{state}");
        }
        assert!(State::On.allows(&required));
    }

    #[test]
    fn the_owner_is_told_what_is_not_protected() {
        let optional = config(false, "secure_boot = \"optional\"");
        let said = warning(State::Off, &optional, true).unwrap();
        assert!(said.starts_with("Secure Boot is off. Anyone who has this machine switched off"), "{said}");
        assert!(
            said.ends_with("turn Secure Boot on in the firmware's setup, then run: pattern rebind"),
            "{said}"
        );
        let without = warning(State::Off, &optional, false).unwrap();
        assert!(without.contains("and have it ask for the passphrase"), "{without}");
        assert!(without.ends_with("turn Secure Boot on in the firmware's setup"), "{without}");
        assert_eq!(warning(State::On, &optional, true), None);
        assert_eq!(warning(State::Off, &config(true, ""), true), None);
    }
}

//! What this boot allows: whether keys may be sealed and volumes recorded in it.

use std::fs;
use std::path::Path;

use anyhow::{Result, bail};
use pattern::config::Config;
use pattern::firmware::secure_boot::{State, VARIABLES};
use pattern::token::ADDED;

use crate::machine::{damage, measure, registers};

const EFIVARS: &str = "/sys/firmware/efi/efivars";

/// Facts about this boot.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Boot {
    /// What the firmware enforces.
    pub(crate) secure_boot: State,
    /// Whether something was added to the kernel image, by PCR 12. An image for debugging does not ask.
    pub(crate) added: bool,
    /// Whether `/usr` is known to be damaged.
    pub(crate) degraded: bool,
}

impl Boot {
    /// Looks.
    ///
    /// # Errors
    /// When there is a TPM whose registers can't be read.
    pub(crate) fn look(config: &Config) -> Result<Self> {
        let added = !config.debug && measure::has_tpm() && registers::was_extended(ADDED)?;
        Ok(Self { secure_boot: secure_boot(), added, degraded: damage::degraded().is_some() })
    }

    /// Whether the TPM's records may be written in this boot.
    pub(crate) fn may_record(self, config: &Config) -> bool {
        !self.added && !self.degraded && self.secure_boot.allows(config)
    }

    /// Refuses to seal anything in a boot that a later one would not be like, or that protects nothing.
    ///
    /// # Errors
    /// Says what is in the way, and what to do.
    pub(crate) fn require(self, config: &Config) -> Result<()> {
        if !self.secure_boot.allows(config) {
            bail!(
                "{}, and this image seals keys only while Secure Boot is on (volume.secure_boot = \"required\"); {}",
                self.secure_boot,
                self.secure_boot.advice()
            );
        }
        if self.added {
            bail!(
                "PCR {ADDED} was extended: something was added to the kernel image from outside, such as words on the kernel \
                 command line, a credential or an add-on; start this image without it"
            );
        }
        Ok(())
    }
}

/// What the firmware enforces, by its variables.
pub(crate) fn secure_boot() -> State {
    let [secure_boot, setup_mode] = VARIABLES.map(|name| fs::read(Path::new(EFIVARS).join(name)).ok());
    State::of(secure_boot.as_deref(), setup_mode.as_deref())
}

//! Decides what this boot allows: whether it may seal keys and record volumes.

use std::fs;
use std::path::Path;

use anyhow::{Result, bail};
use pattern::config::Config;
use pattern::firmware::secure_boot::{State, VARIABLES};
use pattern::token::ADDED;
use pattern::volume::admission::Allowed;

use crate::{damage, registers, tpm_device, trial};

const EFIVARS: &str = "/sys/firmware/efi/efivars";

/// Facts about this boot.
#[derive(Clone, Debug)]
pub struct Boot {
    /// The state of Secure Boot, as the firmware enforces it.
    pub secure_boot: State,
    /// Whether something was added to the kernel image, by PCR 12. Images with `debug = true` do
    /// not check.
    pub added: bool,
    /// What can't be read of `/usr`, if it is known to be damaged.
    pub damage: Option<String>,
    /// Whether the boot loader still counts the boots of this version.
    pub on_trial: bool,
}

impl Boot {
    /// Reads the facts.
    ///
    /// # Errors
    /// When there is a TPM whose registers can't be read.
    pub fn look(config: &Config) -> Result<Self> {
        let added = !config.debug && tpm_device::exists() && registers::was_extended(ADDED)?;
        Ok(Self { secure_boot: secure_boot(), added, damage: damage::degraded(), on_trial: trial::running() })
    }

    /// Returns whether this boot may write the TPM's records.
    pub fn may_record(&self, config: &Config) -> bool {
        !self.added && self.damage.is_none() && self.secure_boot.allows(config)
    }

    /// Returns what this boot may do with a volume.
    pub fn allowed(&self, config: &Config) -> Allowed {
        Allowed { record: self.may_record(config), on_trial: self.on_trial }
    }

    /// Fails if this boot must not seal anything: a later boot would not be like it, or the seal
    /// would protect nothing.
    ///
    /// # Errors
    /// When something forbids it. The error says what, and what to do.
    pub fn require(&self, config: &Config) -> Result<()> {
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

/// Returns the state of Secure Boot, by the firmware's variables.
pub fn secure_boot() -> State {
    let [secure_boot, setup_mode] = VARIABLES.map(|name| fs::read(Path::new(EFIVARS).join(name)).ok());
    State::of(secure_boot.as_deref(), setup_mode.as_deref())
}

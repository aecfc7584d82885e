//! Opens a volume with the key that a person enters.

use anyhow::{Context as _, Error, Result, bail};
use pattern::volume::admission::{Giver, Next, Proof, admit};
use pattern_machine::boot::Boot;
use pattern_machine::people::{added, ask, choose, show};
use pattern_machine::tpm_device;

use super::{Opened, Opening};
use crate::volume::identity::Registry;
use crate::volume::luks::{Volume, VolumeKey};

const NO_TPM: &str = "there is no TPM that could tell whether this machine made it";

impl Opening<'_> {
    /// Opens the volume with a person's key. What was added to this boot is shown first.
    ///
    /// # Errors
    /// When nobody enters a key, or nothing that can be typed opens the volume: then nobody is asked.
    pub(super) fn by_person(&self, volume: &mut Volume, reason: &str) -> Result<Opened> {
        let entry = self.header.entry();
        let Some(asked) = entry.asked() else {
            let reason = if reason.is_empty() { "this machine has none" } else { reason };
            bail!("the TPM does not open it: {reason}; {entry}");
        };
        if !reason.is_empty() {
            let wanted = asked.to_lowercase();
            log::error!("the TPM does not open {}: {reason}; enter the {wanted}", self.device.display());
        }
        if self.boot.added {
            let lines = added::describe();
            lines.iter().for_each(|line| log::error!("{line}"));
            show::tell(&lines).unwrap_or_else(|error| log::warn!("{error:#}"));
        }
        let (seconds, question) = self.question(reason, asked);
        let key = ask::entered_at_boot(&question, seconds, |key| by_typed(volume, key))?;
        self.vouch(&key)?;
        if !reason.is_empty() {
            self.advise();
        }
        let how = match reason {
            "" => "opened it with an entered key".to_owned(),
            _ => format!("opened it with an entered key, because the TPM did not open it ({reason})"),
        };
        Ok(Opened { key, giver: Giver::Person, how, pin: None, slots: Some(self.header.ahead()) })
    }

    /// Returns the question for what is `asked`, and for how many seconds it is asked. A TPM that failed may work after a
    /// restart, so a machine that nobody watches does not wait for ever.
    pub(super) fn question(&self, reason: &str, asked: &str) -> (u32, String) {
        let device = self.device.display();
        if reason.is_empty() {
            return (0, format!("{asked} for {device}:"));
        }
        let faulty = self.means.is_ok_and(|means| means.tcti.is_faulty());
        let (seconds, hint) = if faulty && !self.config.debug {
            let minutes = ask::SEARCH / 60;
            (ask::SEARCH, format!(" The machine tries again if nobody answers in {minutes} minutes."))
        } else {
            (0, String::new())
        };
        (seconds, format!("The TPM does not open {device}: {reason}.{hint} {asked} for {device}:"))
    }

    /// Checks a volume that a person has a key for. If the TPM can't tell whether the volume is the
    /// machine's, the key is enough.
    fn vouch(&self, key: &VolumeKey) -> Result<()> {
        let candidate = self.candidate(key);
        let registry = tpm_device::exists().then(|| Registry::open(self.means()?, None)).transpose();
        let failed = |error: &Error| Proof::Failed(format!("{error:#}"));
        let proof = match &registry {
            Ok(None) => Proof::Missing(NO_TPM),
            Ok(Some(registry)) => {
                registry.prove(&candidate, self.header).unwrap_or_else(|error| failed(&error))
            }
            Err(error) => failed(error),
        };
        if let Proof::Failed(reason) = &proof {
            log::warn!("asking the TPM whether this machine made the volume: {reason}");
        }
        match (admit(Giver::Person, &proof, self.boot.allowed(self.config)), registry) {
            (Next::Refuse(reason), _) => bail!(reason),
            (Next::UseAndRecord, Ok(Some(registry))) => {
                let recorded = registry.finish(&candidate).context("recording the volume in the TPM");
                recorded.unwrap_or_else(|error| log::warn!("{error:#}"));
            }
            _ => {}
        }
        Ok(())
    }

    fn advise(&self) {
        match self.boot {
            Boot { added: true, .. } => {
                log::warn!("the volume is open for what was added to this boot; nothing was recorded")
            }
            Boot { damage: Some(_), .. } => {
                log::warn!("the volume is open for a /usr that is damaged; nothing was recorded")
            }
            boot if boot.may_record(self.config) => {
                log::warn!("to bind the volume to the TPM again, run: pattern rebind")
            }
            boot => log::warn!("{}; nothing was recorded", boot.secure_boot),
        }
    }
}

/// Unlocks with what was typed, or with the passphrase that it means on another keyboard.
fn by_typed(volume: &mut Volume, typed: &str) -> Result<VolumeKey> {
    let meant = choose::meant_passphrase(typed);
    volume.unlock_entered(typed).or_else(|error| match *meant == *typed {
        true => Err(error),
        false => volume.unlock_entered(&meant),
    })
}

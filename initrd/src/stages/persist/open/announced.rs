//! Opens the volume after an announced change of firmware keys, see [`ahead`].

use anyhow::{Result, bail};

use super::{Opened, Opening};
use crate::machine::tpm::Tcti;
use crate::machine::{trial, uki};
use crate::people::ask;
use crate::stages::persist::open::token::with_pin;
use crate::volume::ahead;
use crate::volume::identity::{Proof, Registry};
use crate::volume::luks::Volume;

impl Opening<'_> {
    /// Opens the volume by the slot for an announced change of firmware keys.
    pub(super) fn by_announced_change(
        &self,
        volume: &mut Volume,
        reasons: &mut Vec<String>,
    ) -> Result<Option<Opened>> {
        let signatures = uki::signatures().unwrap_or_default();
        let with_pin = |unseal: ahead::Unseal<'_>| with_pin(self.device, ask::secret, unseal);
        let found = ahead::unlock(volume, self.header, signatures.as_ref(), with_pin, reasons);
        let Some(found) = found else { return Ok(None) };
        match self.prove_announced(&found) {
            Ok(Proof::Given | Proof::Earlier) => {}
            Ok(Proof::Against(reason)) => bail!(reason),
            Ok(Proof::Missing(reason)) => {
                reasons.push(reason.to_owned());
                return Ok(None);
            }
            Err(error) => {
                reasons.push(format!("{error:#}"));
                return Ok(None);
            }
        }
        let how =
            "opened it by the TPM, after the change of Secure Boot's keys that was announced".to_owned();
        let slots = self.replaced.get().then(Vec::new);
        Ok(Some(Opened { key: found.key, how, pin: found.pin, slots, by_tpm: true }))
    }

    /// Proves the volume by this boot's record, or by the record from before the change. This
    /// boot's record exists if a cut came after it was carried over.
    fn prove_announced(&self, found: &ahead::Found) -> Result<Proof> {
        let candidate = self.candidate(&found.key);
        let srk = Some(&found.ahead.srk);
        let mut counted = None;
        let mut proof = self.with_registry(srk, |registry| registry.prove(&candidate, self.header))?;
        if let Proof::Missing(_) = proof {
            let (tcti, seven) = (Tcti::default(), ahead::earlier(&found.ahead)?);
            let before = Registry::before(self.config, &tcti, uki::key()?, srk, &seven)?;
            proof = before.prove(&candidate, self.header)?;
            counted = Some(before.counts(&self.uuid)?);
        }
        if proof == Proof::Given && self.boot.may_record(self.config) && !trial::running() {
            let settled = self.settle_announced(found, counted);
            settled.unwrap_or_else(|error| {
                log::warn!(
                    "{}: bringing key slots and the TPM's record up to date: {error:#}",
                    self.device.display()
                )
            });
        }
        Ok(proof)
    }

    /// Completes the change, like [`Opening::settle`]. The TPM's record keeps its handle, so it is
    /// removed and made again. A cut in between makes the next boot ask for the recovery key. After
    /// every other step the next boot opens the volume without a person, and goes on from there.
    fn settle_announced(&self, found: &ahead::Found, counted: Option<bool>) -> Result<()> {
        let candidate = self.candidate(&found.key);
        if let Some(counted) = counted {
            let _proof = self.with_registry(Some(&found.ahead.srk), |registry| {
                registry.carry_over(&candidate, counted).map(|()| Proof::Given)
            })?;
        }
        let retired = ahead::retire(self.config, &candidate, &found.ahead, found.pin.as_deref())?;
        self.replaced.set(true);
        log::info!("bound the volume to the keys of Secure Boot as they are now: {retired}");
        Ok(())
    }
}

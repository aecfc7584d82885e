//! Opens a volume that is still bound to the key of the epoch before, see
//! [`pattern::config::epoch`].

use anyhow::Result;
use pattern::token::PublicKey;

use super::{ByToken, Opening};
use crate::machine::trial;
use crate::volume::identity::Proof;

impl Opening<'_> {
    /// Proves the volume by the record of the epoch before, which the token belongs to, too. During
    /// a trial both stay, because the version that a failed trial falls back to needs them. After
    /// that, first the record is written for this epoch, and then the token.
    pub(super) fn prove_by_key_before(&self, found: &ByToken<'_>, before: PublicKey) -> Result<Proof> {
        let (candidate, srk) = (self.candidate(&found.key), Some(&found.token.srk));
        let mut counted = false;
        let proof = self.with_registry_of(Some(before), srk, |registry| {
            let proof = registry.prove(&candidate, self.header)?;
            counted = registry.counts(&self.uuid)?;
            Ok(proof)
        })?;
        let proved = matches!(proof, Proof::Given | Proof::Earlier);
        if proved && self.boot.may_record(self.config) && !trial::running() {
            let rolled = self.with_registry(srk, |registry| {
                if proof == Proof::Given {
                    registry.carry_over(&candidate, counted)?;
                }
                self.settle(registry, found, &proof).map(|()| Proof::Given)
            });
            if let Err(error) = rolled {
                log::warn!("{}: {error:#}", self.device.display());
            }
        }
        Ok(proof)
    }
}

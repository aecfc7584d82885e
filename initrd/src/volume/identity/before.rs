//! Finds and carries over what the TPM recorded before an announced change of firmware keys.

use anyhow::{Context as _, Result};
use pattern::config::Config;
use pattern::record::identity::{Kept, kept};
use pattern::record::nv::Index;
use pattern::sealing::binding;
use pattern::token::{PublicKey, Srk};

use super::{Candidate, Registry, in_a_bank};
use crate::machine::tpm::{Held, Nv, Tcti};
use crate::volume::ahead;

impl<'a> Registry<'a> {
    /// Opens the records that were written in boots with this PCR 7. The caller has to know that
    /// such boots can be trusted. Nothing is written.
    ///
    /// # Errors
    /// When the policy would protect nothing, or the TPM fails.
    pub(crate) fn before(
        config: &'a Config,
        tcti: &'a Tcti,
        image: Option<PublicKey>,
        srk: Option<&Srk>,
        seven: &[u8],
    ) -> Result<Self> {
        let nv = in_a_bank(|bank| {
            let binding = binding::of_the_record(config, image.as_ref(), bank);
            let policy = ahead::policy(&binding, seven)?;
            Ok(Nv::of_another_boot(tcti, binding, policy, srk.cloned()))
        });
        let nv = nv.context("asking the TPM for its records from before the change")?;
        Ok(Self { tcti, config, image, signatures: None, nv, may_write: false })
    }

    /// Returns whether the volume's openings are counted.
    ///
    /// # Errors
    /// When the TPM fails.
    pub(crate) fn counts(&self, uuid: &str) -> Result<bool> {
        let held = self.nv.held(&Index::identity(uuid))?;
        Ok(matches!(held, Held::Ours(held) if kept(&held) == Some(Kept::Counted)))
    }

    /// Records a volume under the policy of this boot, after it was recorded under the policy of
    /// another one.
    ///
    /// # Errors
    /// When the TPM rejects the record, or the header can't be written.
    pub(crate) fn carry_over(&self, volume: &Candidate<'_>, counted: bool) -> Result<()> {
        self.keep(volume, counted || self.config.volume.counter)
    }
}

//! Finds and carries over what the TPM recorded before an announced change of firmware keys.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};
use pattern::firmware::PCR;
use pattern::record::identity::{Kept, kept};
use pattern::record::nv::Index;
use pattern::sealing::binding;
use pattern::token::Srk;

use super::{Candidate, Means, Registry, in_a_bank};
use crate::tpm::{Held, Nv};
use crate::volume::ahead;

impl<'a> Registry<'a> {
    /// Opens the records that were written in boots with this PCR 7. The caller has to know that
    /// such boots can be trusted. Nothing is written.
    ///
    /// # Errors
    /// When the policy would protect nothing, or the TPM fails.
    pub(crate) fn before(means: Means<'a>, srk: Option<&Srk>, seven: &[u8]) -> Result<Self> {
        let nv = in_a_bank(|bank| {
            let binding = binding::of_the_record(means.config, means.image, bank);
            let policy = ahead::policy(&binding, &BTreeMap::from([(PCR, seven.to_vec())]))?;
            Ok(Nv::of_another_boot(means.tcti, binding, policy, srk.cloned()))
        });
        let nv = nv.context("asking the TPM for its records from before the change")?;
        Ok(Self { means: Means { signatures: None, ..means }, nv, may_write: false })
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
        self.keep(volume, counted || self.means.config.volume.counter)
    }
}

//! Reads PCRs.

use pattern::sealing::bank::is_dead;
use pattern::token::{Bank, Pcrs};
use tss_esapi::interface_types::algorithm::HashingAlgorithm;
use tss_esapi::structures::{PcrSelectionList, PcrSlot};

use super::{Result, Tpm, TpmError, doing};

/// The most PCRs that a TPM reads at once (`TPML_DIGEST`).
const AT_ONCE: usize = 8;

impl Tpm {
    /// Returns the values of the PCRs, lowest first. If there are fewer values than PCRs, the TPM
    /// does not have the bank.
    pub(super) fn pcr_values(&mut self, pcrs: Pcrs, bank: Bank) -> Result<Vec<Vec<u8>>> {
        let numbers: Vec<u8> = pcrs.iter().collect();
        let mut values = Vec::with_capacity(numbers.len());
        for some in numbers.chunks(AT_ONCE) {
            let (_, _, digests) =
                self.context.pcr_read(select(some, bank)?).map_err(doing("reading PCRs"))?;
            values.extend(digests.value().iter().map(|digest| digest.as_bytes().to_vec()));
        }
        Ok(values)
    }

    /// Returns the values as a policy is made of them.
    ///
    /// # Errors
    /// When they show that nothing that started this boot was measured in this bank.
    pub(super) fn values_to_bind(&mut self, pcrs: Pcrs, bank: Bank) -> Result<Vec<Vec<u8>>> {
        let values = self.pcr_values(pcrs, bank)?;
        if is_dead(bank, pcrs, &values) { Err(TpmError::Dead(bank)) } else { Ok(values) }
    }
}

/// Returns PCRs in the TPM's own form.
pub(super) fn selection(pcrs: Pcrs, bank: Bank) -> Result<PcrSelectionList> {
    select(&pcrs.iter().collect::<Vec<_>>(), bank)
}

fn select(pcrs: &[u8], bank: Bank) -> Result<PcrSelectionList> {
    let hash = match bank {
        Bank::Sha256 => HashingAlgorithm::Sha256,
        Bank::Sha384 => HashingAlgorithm::Sha384,
    };
    let slots: tss_esapi::Result<Vec<PcrSlot>> =
        pcrs.iter().map(|pcr| PcrSlot::try_from(1u32 << pcr)).collect();
    let slots = slots.map_err(doing("selecting PCRs"))?;
    PcrSelectionList::builder().with_selection(hash, &slots).build().map_err(doing("selecting PCRs"))
}

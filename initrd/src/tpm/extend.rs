//! Extends PCRs.

use pattern::tpm::measure::{Hash, Measurement};
use tss_esapi::handles::PcrHandle;
use tss_esapi::interface_types::algorithm::HashingAlgorithm;
use tss_esapi::interface_types::session_handles::AuthSession;
use tss_esapi::structures::{Digest, DigestValues};

use super::{Result, Tpm, doing};

impl Tpm {
    /// Extends one PCR in all banks that the measurement has a digest for, with one command.
    ///
    /// # Errors
    /// When the TPM fails.
    pub fn extend(&mut self, measurement: &Measurement) -> Result<()> {
        // ESAPI's handles of PCRs have the PCRs' numbers (TSS 2.0 Enhanced System API, "ESYS_TR").
        let pcr = PcrHandle::try_from(u32::from(measurement.pcr)).map_err(doing("naming a PCR"))?;
        let mut values = DigestValues::new();
        for (bank, digest) in &measurement.digests {
            let digest = Digest::from_bytes(digest).map_err(doing("passing a digest to the TPM"))?;
            values.set(algorithm(*bank), digest);
        }
        let session = Some(AuthSession::Password);
        let extended = self.context.execute_with_session(session, |ctx| ctx.pcr_extend(pcr, values));
        extended.map_err(|error| doing("extending a PCR")(error).or_without_tpm())
    }
}

fn algorithm(bank: Hash) -> HashingAlgorithm {
    match bank {
        Hash::Sha1 => HashingAlgorithm::Sha1,
        Hash::Sha256 => HashingAlgorithm::Sha256,
        Hash::Sha384 => HashingAlgorithm::Sha384,
        Hash::Sha512 => HashingAlgorithm::Sha512,
    }
}

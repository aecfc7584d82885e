//! Makes the TPM check a signature for PCR values.

use pattern::token::{self, Approval, Bank, Pcrs, Signatures, Signed, Unsigned};
use sha2::{Digest as _, Sha256};
use tss_esapi::interface_types::algorithm::HashingAlgorithm;
use tss_esapi::structures::{Digest, Name, Nonce, Public, PublicKeyRsa, RsaSignature, Signature};
use tss_esapi::traits::UnMarshall;
use tss_esapi::tss2_esys::TPMT_TK_VERIFIED;

use super::{Result, Tpm, TpmError, doing, outcome};
use crate::tpm::error::Outcome;

/// A policy whose signature the TPM has checked. It is valid until the TPM restarts.
#[derive(Clone)]
pub(super) struct Approved {
    pub(super) policy: Digest,
    pub(super) key: Name,
    /// In the library's own form, which can be copied.
    pub(super) ticket: TPMT_TK_VERIFIED,
}

impl Approved {
    fn is(&self, signed: &Signed, approval: &Approval) -> bool {
        self.key.value() == signed.key.name() && self.policy.as_bytes() == approval.policy
    }
}

impl Tpm {
    /// Checks a signature, once. Commands: `LoadExternal`, `VerifySignature`, `FlushContext`. If several signatures are
    /// possible, one `PCR_Read` comes first, because nothing is loaded yet. A single signature is
    /// tried without reading: if it is for other values, `PolicyAuthorize` fails.
    pub(super) fn approve(
        &mut self,
        signed: &Signed,
        bank: Bank,
        signatures: Option<&Signatures>,
    ) -> Result<Approved> {
        let mut approvals = candidates(signed, bank, signatures)?;
        if approvals.len() > 1 {
            let now = token::policy_digest(signed.pcrs, bank, &self.pcr_values(signed.pcrs, bank)?);
            approvals.retain(|approval| approval.policy == now);
        }
        let approval = approvals.pop();
        let approval = approval.ok_or(TpmError::Unsigned(Unsigned::OtherBoot(signed.pcrs, bank)))?;
        let before = self.approved.iter().find(|one| one.is(signed, &approval)).cloned();
        before.map_or_else(|| self.verify(signed, bank, &approval), Ok)
    }

    fn verify(&mut self, signed: &Signed, bank: Bank, approval: &Approval) -> Result<Approved> {
        let reading = doing("reading a PCR signature");
        let area = Public::unmarshall(&signed.key.area()).map_err(&reading)?;
        let bytes = PublicKeyRsa::from_bytes(&approval.signature).map_err(&reading)?;
        let signature = RsaSignature::create(HashingAlgorithm::Sha256, bytes).map_err(&reading)?;
        let message = Digest::from(<[u8; 32]>::from(Sha256::digest(approval.policy)));
        let key = self.load_public(area);
        let key = key.map_err(doing("loading the key of the PCR signatures"))?;
        let ticket = match self.context.verify_signature(key, message, Signature::RsaSsa(signature)) {
            Err(error) if outcome(&error) == Outcome::BadSignature => {
                return Err(TpmError::Unsigned(Unsigned::Forged(signed.pcrs, bank)));
            }
            ticket => ticket.and_then(TryFrom::try_from).map_err(doing("checking a PCR signature"))?,
        };
        self.unload(key.into());
        let name = Name::try_from(signed.key.name()).map_err(&reading)?;
        let approved = Approved { policy: Digest::from(approval.policy), key: name, ticket };
        self.approved.push(approved.clone());
        Ok(approved)
    }
}

/// Returns the signatures that may match, at least one.
pub(super) fn candidates(
    signed: &Signed,
    bank: Bank,
    signatures: Option<&Signatures>,
) -> Result<Vec<Approval>> {
    let none = |why: fn(Pcrs, Bank) -> Unsigned| TpmError::Unsigned(why(signed.pcrs, bank));
    let signatures = signatures.ok_or(none(Unsigned::NoFile))?;
    let in_bank = |bank: &Bank| !signatures.by(signed, *bank).is_empty();
    let approvals = signatures.by(signed, bank);
    match [Bank::Sha256, Bank::Sha384].into_iter().find(in_bank) {
        _ if !approvals.is_empty() => Ok(approvals),
        Some(other) => Err(TpmError::OtherBank { signed: other, used: bank }),
        None => Err(none(Unsigned::OtherKey)),
    }
}

/// Returns an empty reference, as in systemd's policies.
pub(super) fn no_reference() -> Nonce {
    Nonce::default()
}

//! Sealing.

use pattern::token::{self, Bank, Digest, Pcrs, Sealed, Tpm2Token};
use tss_esapi::attributes::ObjectAttributesBuilder;
use tss_esapi::constants::SessionType;
use tss_esapi::handles::SessionHandle;
use tss_esapi::interface_types::algorithm::{HashingAlgorithm, PublicAlgorithm};
use tss_esapi::structures::{
    self, KeyedHashScheme, Public, PublicBuilder, PublicKeyedHashParameters, SensitiveData,
};
use tss_esapi::traits::Marshall;

use super::{Result, Tpm, TpmError, doing};

impl Tpm {
    /// Seals a secret under a policy over the present values of PCRs, for a key slot.
    ///
    /// # Errors
    /// When the policy would protect nothing, or the TPM fails.
    pub fn seal(&mut self, secret: &[u8; 32], pcrs: Pcrs, bank: Bank, keyslot: u32) -> Result<Tpm2Token> {
        let values = self.pcr_values(pcrs, bank)?;
        token::protects(pcrs, bank, &values).map_err(TpmError::Exposed)?;
        let policy = token::policy_digest(pcrs, bank, &values);
        let (parent, srk) = self.srk()?;
        let template = template(&policy).map_err(doing("describing a sealed object"))?;
        let secret = SensitiveData::from_bytes(secret).map_err(doing("handing over a secret"))?;
        let session = self.start_session(parent, SessionType::Hmac)?;
        let made = self.context.execute_with_session(Some(session), |context| {
            context.create(parent, template, None, Some(secret), None, None)
        });
        let made = made.map_err(doing("sealing"))?;
        self.forget(SessionHandle::from(session).into());
        let public = made.out_public.marshall().map_err(doing("reading a sealed object"))?;
        let sealed = Sealed { private: made.out_private.as_bytes().to_vec(), public };
        Ok(Tpm2Token { keyslot, pcrs, bank, policy, sealed, srk })
    }
}

/// A secret that can't leave this TPM, and that the policy alone opens.
fn template(policy: &Digest) -> tss_esapi::Result<Public> {
    let attributes = ObjectAttributesBuilder::new()
        .with_fixed_tpm(true)
        .with_fixed_parent(true)
        .with_no_da(true)
        .build()?;
    PublicBuilder::new()
        .with_public_algorithm(PublicAlgorithm::KeyedHash)
        .with_name_hashing_algorithm(HashingAlgorithm::Sha256)
        .with_object_attributes(attributes)
        .with_auth_policy(structures::Digest::from_bytes(policy)?)
        .with_keyed_hash_parameters(PublicKeyedHashParameters::new(KeyedHashScheme::Null))
        .with_keyed_hash_unique_identifier(structures::Digest::default())
        .build()
}

//! Seals secrets.

use pattern::token::{Binding, Digest, Pin, Sealed, Srk, Tpm2Token};
use tss_esapi::attributes::ObjectAttributesBuilder;
use tss_esapi::constants::SessionType;
use tss_esapi::interface_types::algorithm::{HashingAlgorithm, PublicAlgorithm};
use tss_esapi::structures::{
    self, Auth, KeyedHashScheme, Public, PublicBuilder, PublicKeyedHashParameters, SensitiveData,
};
use tss_esapi::traits::Marshall;

use super::{Result, Tpm, doing};

/// The PIN of a new token.
pub struct NewPin<'a> {
    /// What a person will enter.
    pub text: &'a str,
    /// Random bytes.
    pub salt: [u8; 32],
}

impl Tpm {
    /// Seals a secret for a key slot.
    ///
    /// # Errors
    /// When the binding would protect nothing, or the TPM fails.
    pub fn seal(
        &mut self,
        secret: &[u8; 32],
        binding: &Binding,
        pin: Option<&NewPin<'_>>,
        keyslot: u32,
    ) -> Result<Tpm2Token> {
        let policy = binding.policy(pin.is_some(), |pcrs, bank| self.values_to_bind(pcrs, bank))?;
        let SealedTo { sealed, srk, pin } = self.seal_to(secret, &policy, pin)?;
        let Binding { bank, counted, .. } = *binding;
        let (signed, literal) = (binding.signed.clone(), binding.literal());
        Ok(Tpm2Token { keyslot, signed, literal, bank, counted, pin, policy, sealed, srk })
    }

    /// Seals a secret to a policy. With a PIN, the TPM asks for that, too.
    pub(super) fn seal_to(
        &mut self,
        secret: &[u8; 32],
        policy: &Digest,
        pin: Option<&NewPin<'_>>,
    ) -> Result<SealedTo> {
        let (parent, srk) = self.srk()?;
        let salted = pin.map(|pin| Pin { salt: Some(pin.salt.to_vec()) });
        let auth =
            pin.zip(salted.as_ref()).map(|(pin, salted)| Auth::from_bytes(&salted.auth_value(pin.text)));
        let auth = auth.transpose().map_err(doing("passing the PIN to the TPM"))?;
        let template = template(policy, pin.is_none()).map_err(doing("describing a sealed object"))?;
        let secret = SensitiveData::from_bytes(secret).map_err(doing("passing a secret to the TPM"))?;
        let session = self.start_session(parent, SessionType::Hmac, (true, true))?;
        let made = self.context.execute_with_session(Some(session), |context| {
            context.create(parent, template, auth, Some(secret), None, None)
        });
        let made = made.map_err(Self::below_srk("sealing", srk.handle()))?;
        self.ended(session);
        let public = made.out_public.marshall().map_err(doing("reading a sealed object"))?;
        let sealed = Sealed { private: made.out_private.as_bytes().to_vec(), public };
        Ok(SealedTo { sealed, srk, pin: salted })
    }
}

/// A sealed object, the key that it is sealed to, and the salt of the PIN.
pub(super) struct SealedTo {
    pub(super) sealed: Sealed,
    pub(super) srk: Srk,
    pub(super) pin: Option<Pin>,
}

/// Describes a secret that can't leave this TPM and that only the policy opens. The TPM counts
/// wrong tries (`no_da` is not set) only if a person has to know something.
fn template(policy: &Digest, no_da: bool) -> tss_esapi::Result<Public> {
    let attributes = ObjectAttributesBuilder::new()
        .with_fixed_tpm(true)
        .with_fixed_parent(true)
        .with_no_da(no_da)
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

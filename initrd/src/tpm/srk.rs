//! The storage root key: the TPM's key that secrets are sealed to.

use pattern::token::Srk;
use tss_esapi::attributes::ObjectAttributesBuilder;
use tss_esapi::handles::{KeyHandle, PersistentTpmHandle, TpmHandle};
use tss_esapi::interface_types::algorithm::{HashingAlgorithm, PublicAlgorithm};
use tss_esapi::interface_types::data_handles::Persistent;
use tss_esapi::interface_types::ecc::EccCurve;
use tss_esapi::interface_types::reserved_handles::{Hierarchy, Provision};
use tss_esapi::interface_types::session_handles::AuthSession;
use tss_esapi::structures::{
    EccPoint, EccScheme, KeyDerivationFunctionScheme, Public, PublicBuilder, PublicEccParameters,
    SymmetricDefinitionObject,
};

use super::{Result, Tpm, TpmError, doing, outcome};
use crate::tpm::error::Outcome;

/// Conventional handle of the storage root key (TCG TPM v2.0 Provisioning Guidance, 7.8).
const SRK: u32 = 0x8100_0001;

impl Tpm {
    /// Returns the storage root key. Makes it if the TPM has none.
    pub(super) fn srk(&mut self) -> Result<(KeyHandle, Srk)> {
        if let Some(known) = &self.srk {
            return Ok(known.clone());
        }
        let key = match self.key_at(SRK)? {
            Some(key) => key,
            None => {
                self.make_srk()?;
                self.key_at(SRK)?.ok_or(TpmError::NoKey(SRK))?
            }
        };
        self.srk = Some(key.clone());
        Ok(key)
    }

    /// Returns the handle of a storage root key whose public area is known. Costs no command.
    pub(super) fn known_srk(&mut self, srk: &Srk) -> Result<KeyHandle> {
        let known = self.context.tr_deserialize(&srk.to_bytes());
        Ok(KeyHandle::from(known.map_err(doing("reading tpm2_srk"))?))
    }

    /// Returns the key at a persistent handle, if there is one.
    pub(super) fn key_at(&mut self, handle: u32) -> Result<Option<(KeyHandle, Srk)>> {
        let object = match self.context.tr_from_tpm_public(TpmHandle::Persistent(persistent(handle)?)) {
            Err(error) if outcome(&error) == Outcome::NoObject => return Ok(None),
            answer => answer.map_err(doing("looking for the storage root key"))?,
        };
        let bytes = self.context.tr_serialize(object).map_err(doing("reading the storage root key"))?;
        let srk = Srk::parse(&bytes).map_err(TpmError::Token)?;
        Ok(Some((KeyHandle::from(object), srk)))
    }

    /// Compares the storage root key that a token names with the TPM's own, with one command.
    ///
    /// # Errors
    /// When the TPM has another key, or none.
    pub(super) fn compare_srk(&mut self, named: &Srk) -> Result<()> {
        match self.key_at(named.handle())? {
            None => Err(TpmError::NoKey(named.handle())),
            Some((_, own)) if own != *named => Err(TpmError::OtherKey(named.handle())),
            Some(_) => Ok(()),
        }
    }

    fn make_srk(&mut self) -> Result<()> {
        let handle = Persistent::Persistent(persistent(SRK)?);
        let template = template().map_err(doing("describing a storage root key"))?;
        self.context.set_sessions((Some(AuthSession::Password), None, None));
        let made = self.context.create_primary(Hierarchy::Owner, template, None, None, None, None);
        let key = made.map_err(doing("making the storage root key"))?.key_handle;
        let kept = self.context.evict_control(Provision::Owner, key.into(), handle);
        self.context.clear_sessions();
        // The persistent copy is kept. The transient one goes before `kept` is looked at, also
        // after a failure.
        self.unload(key.into());
        match kept {
            // Another program made a key there first. It serves as well.
            Err(error) if outcome(&error) == Outcome::Defined => Ok(()),
            kept => kept.map(drop).map_err(doing("keeping the storage root key")),
        }
    }
}

fn persistent(handle: u32) -> Result<PersistentTpmHandle> {
    PersistentTpmHandle::new(handle).map_err(doing("naming the storage root key"))
}

/// Returns template L-2 of the TCG EK Credential Profile with the changes of the Provisioning
/// Guidance, as in systemd.
fn template() -> tss_esapi::Result<Public> {
    let attributes = ObjectAttributesBuilder::new()
        .with_fixed_tpm(true)
        .with_fixed_parent(true)
        .with_sensitive_data_origin(true)
        .with_user_with_auth(true)
        .with_no_da(true)
        .with_restricted(true)
        .with_decrypt(true)
        .build()?;
    PublicBuilder::new()
        .with_public_algorithm(PublicAlgorithm::Ecc)
        .with_name_hashing_algorithm(HashingAlgorithm::Sha256)
        .with_object_attributes(attributes)
        .with_ecc_parameters(PublicEccParameters::new(
            SymmetricDefinitionObject::AES_128_CFB,
            EccScheme::Null,
            EccCurve::NistP256,
            KeyDerivationFunctionScheme::Null,
        ))
        .with_ecc_unique_identifier(EccPoint::default())
        .build()
}

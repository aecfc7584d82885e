//! The storage root key: the TPM's key that secrets are sealed to.

use pattern::token::{Srk, TokenError};
use tss_esapi::Error;
use tss_esapi::constants::PropertyTag;
use tss_esapi::handles::{KeyHandle, PersistentTpmHandle, TpmHandle};
use tss_esapi::interface_types::data_handles::Persistent;
use tss_esapi::interface_types::reserved_handles::{Hierarchy, Provision};
use tss_esapi::interface_types::session_handles::AuthSession;
use tss_esapi::structures::Public;

mod template;

use super::{Result, Tpm, TpmError, as_owner, doing, outcome};
use crate::tpm::error::Outcome;

/// Conventional handle of the storage root key (TCG TPM v2.0 Provisioning Guidance, 7.8).
const SRK: u32 = 0x8100_0001;
/// `TPMA_STARTUP_CLEAR`, shEnable: the storage hierarchy is enabled.
const ENABLED: u32 = 1 << 1;
const MAKING: &str = "making the storage root key";

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
        let srk = Srk::parse(&bytes).map_err(|flaw| match flaw {
            TokenError::Malformed(_, form) => TpmError::ForeignKey(handle, form),
            _ => TpmError::ForeignKey(handle, "a storage key"),
        })?;
        Ok(Some((KeyHandle::from(object), srk)))
    }

    /// Compares the storage root key that a token names with the TPM's own, with one command.
    ///
    /// # Errors
    /// When the TPM has another key, or none.
    pub(super) fn compare_srk(&mut self, named: &Srk) -> Result<()> {
        match self.key_at(named.handle()) {
            // The token has a key to which something could be sealed.
            Err(TpmError::ForeignKey(handle, _)) => Err(TpmError::OtherKey(handle)),
            Ok(None) if self.is_disabled()? => Err(TpmError::Disabled),
            Ok(None) => Err(TpmError::NoKey(named.handle())),
            Ok(Some((_, own))) if own != *named => Err(TpmError::OtherKey(named.handle())),
            Ok(Some(_)) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Returns the error for what a command of the storage root key says.
    pub(super) fn below_srk(doing_this: &'static str, handle: u32) -> impl Fn(Error) -> TpmError {
        move |error| match outcome(&error) {
            Outcome::WrongAuth => TpmError::KeyPassword(handle),
            _ => doing(doing_this)(error),
        }
    }

    /// Returns the error for a key that has a password.
    pub(super) fn locked_key(&mut self, key: KeyHandle) -> TpmError {
        let bytes = self.context.tr_serialize(key.into()).unwrap_or_default();
        // An ESAPI resource begins with the handle.
        let handle = bytes.first_chunk().map_or(SRK, |handle| u32::from_be_bytes(*handle));
        TpmError::KeyPassword(handle)
    }

    /// Returns whether the storage hierarchy is disabled: its keys and records are not there.
    fn is_disabled(&mut self) -> Result<bool> {
        let flags = self.context.get_tpm_property(PropertyTag::StartupClear);
        let flags = flags.map_err(doing("asking the TPM for its hierarchies"))?;
        Ok(flags.is_some_and(|flags| flags & ENABLED == 0))
    }

    fn make_srk(&mut self) -> Result<()> {
        let handle = Persistent::Persistent(persistent(SRK)?);
        let made = self.make_primary(template::ecc()).or_else(|error| match error {
            // Some TPMs have no elliptic curves. systemd tries RSA then, too.
            TpmError::Failed(..) => {
                log::info!("{error}; trying RSA, which takes some TPMs a minute");
                self.make_primary(template::rsa())
            }
            refused => Err(refused),
        });
        let key = made?;
        let kept = self.context.execute_with_session(Some(AuthSession::Password), |context| {
            context.evict_control(Provision::Owner, key.into(), handle)
        });
        // The persistent copy is kept. The transient one goes before `kept` is looked at, also
        // after a failure.
        self.unload(key.into());
        match kept {
            // Another program made a key there first. It serves as well.
            Err(error) if outcome(&error) == Outcome::Defined => Ok(()),
            kept => kept.map(drop).map_err(as_owner("keeping the storage root key")),
        }
    }

    fn make_primary(&mut self, template: tss_esapi::Result<Public>) -> Result<KeyHandle> {
        let template = template.map_err(doing("describing a storage root key"))?;
        let made = self.context.execute_with_session(Some(AuthSession::Password), |context| {
            context.create_primary(Hierarchy::Owner, template, None, None, None, None)
        });
        Ok(made.map_err(as_owner(MAKING))?.key_handle)
    }
}

fn persistent(handle: u32) -> Result<PersistentTpmHandle> {
    PersistentTpmHandle::new(handle).map_err(doing("naming the storage root key"))
}

//! The TPM's counter that says which of a volume's sealed keys is valid, see
//! [`pattern::token::Counted`].

use pattern::record::nv::Index;
use pattern::token::Counted;
use tss_esapi::constants::SessionType;
use tss_esapi::handles::NvIndexHandle;
use tss_esapi::interface_types::ArithmeticComparison;
use tss_esapi::interface_types::reserved_handles::NvAuth;
use tss_esapi::interface_types::session_handles::{AuthSession, PolicySession};
use tss_esapi::structures::Digest;

use super::{Result, Tpm, TpmError, doing, outcome};
use crate::tpm::error::Outcome;

const COUNT: &str = "the count of sealed keys";
const NAMING: &str = "naming the counter of sealed keys";

impl Tpm {
    /// Returns the count of a volume's sealed keys, or `None` if nothing was counted yet or the
    /// counter was removed. Nobody between processor and TPM can change the answer.
    ///
    /// # Errors
    /// When the TPM fails.
    pub fn key_count(&mut self, counter: &Index) -> Result<Option<u64>> {
        let (srk, _) = self.srk()?;
        let index = self.known_index(counter)?;
        let session = self.start_session(srk, SessionType::Hmac, (false, false))?;
        let (auth, size) = (NvAuth::NvIndex(index), counter.bytes.into());
        let read = self.context.execute_with_session(Some(session), |ctx| ctx.nv_read(auth, index, size, 0));
        match read {
            Ok(bytes) => {
                self.ended(session);
                let bytes = bytes.as_bytes().try_into().map_err(|_| TpmError::Missing("a count"))?;
                Ok(Some(u64::from_be_bytes(bytes)))
            }
            Err(error) => match outcome(&error) {
                // With another name the index is somebody else's, and no key of the volume depends
                // on it.
                Outcome::NoObject | Outcome::OtherIndex | Outcome::WrongAuth => Ok(None),
                _ => Err(doing("reading the count of sealed keys")(error)),
            },
        }
    }

    /// Returns the count of a volume's sealed keys. If there is none, counting begins where the TPM
    /// chooses.
    ///
    /// # Errors
    /// When the TPM fails.
    pub fn begin_key_count(&mut self, counter: &Index) -> Result<u64> {
        if let Some(count) = self.key_count(counter)? {
            return Ok(count);
        }
        // Somebody else made this index, or it was never incremented.
        self.forget(counter)?;
        self.count_up(counter)?;
        self.key_count(counter)?.ok_or(TpmError::Missing(COUNT))
    }

    /// Makes the TPM count until every key that was sealed to a lower count is invalid.
    ///
    /// # Errors
    /// When the TPM fails, or is already past this count.
    pub fn count_keys_to(&mut self, counter: &Index, count: u64) -> Result<()> {
        let mut now = self.begin_key_count(counter)?;
        while now < count {
            self.count_up(counter)?;
            let next = self.key_count(counter)?.filter(|next| *next > now);
            now = next.ok_or(TpmError::Missing("a higher count of sealed keys"))?;
        }
        // Somebody else counted meanwhile. The new key is worthless, too, so the old ones have to
        // stay.
        if now == count { Ok(()) } else { Err(TpmError::Revoked(count, Some(now))) }
    }

    /// Fails unless the key's count is the TPM's. Costs one command.
    pub(super) fn compare_count(&mut self, counted: Option<Counted>) -> Result<()> {
        let Some(counted) = counted else { return Ok(()) };
        let index = self.known_index(&counted.index())?;
        let (auth, size) = (NvAuth::NvIndex(index), counted.index().bytes.into());
        let password = Some(AuthSession::Password);
        let now = match self.context.execute_with_session(password, |ctx| ctx.nv_read(auth, index, size, 0)) {
            Ok(bytes) => bytes.as_bytes().try_into().ok().map(u64::from_be_bytes),
            Err(error) => match outcome(&error) {
                Outcome::NoObject | Outcome::OtherIndex | Outcome::WrongAuth => None,
                _ => return Err(doing("reading the count of sealed keys")(error)),
            },
        };
        if now == Some(counted.count) { Ok(()) } else { Err(TpmError::Revoked(counted.count, now)) }
    }

    /// Adds `PolicyNV` to the session, which fails unless the TPM has this count.
    pub(super) fn meet_count(&mut self, policy: PolicySession, counted: Option<Counted>) -> Result<()> {
        let Some(counted) = counted else { return Ok(()) };
        let checking = doing("comparing the count of sealed keys");
        let index = self.known_index(&counted.index())?;
        let count = Digest::from_bytes(&counted.count.to_be_bytes()).map_err(&checking)?;
        let met = self.context.execute_with_session(Some(AuthSession::Password), |ctx| {
            ctx.policy_nv(policy, NvAuth::NvIndex(index), index, count, 0, ArithmeticComparison::Eq)
        });
        met.map_err(checking)
    }

    /// Returns the handle of an index whose public area is known. Costs no command.
    fn known_index(&mut self, index: &Index) -> Result<NvIndexHandle> {
        let resource = self.context.tr_deserialize(&index.resource(&[])).map_err(doing(NAMING))?;
        Ok(NvIndexHandle::from(resource))
    }
}

//! The counter of the TPM that says which of a volume's sealed keys is the good one: see [`pattern::token::Counted`].

use pattern::record::nv::Index;
use pattern::token::Counted;
use tss_esapi::constants::SessionType;
use tss_esapi::handles::{NvIndexHandle, SessionHandle};
use tss_esapi::interface_types::ArithmeticComparison;
use tss_esapi::interface_types::reserved_handles::NvAuth;
use tss_esapi::interface_types::session_handles::{AuthSession, PolicySession};
use tss_esapi::structures::Digest;

use super::{Result, Tpm, TpmError, doing, outcome};
use crate::machine::tpm::error::Outcome;

const COUNT: &str = "the count of sealed keys";
const NAMING: &str = "naming the counter of sealed keys";

impl Tpm {
    /// The count of a volume's sealed keys; `None` when nothing was counted yet, or the counter was removed. Nobody between
    /// processor and TPM changes the answer.
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
                self.leave(SessionHandle::from(session).into());
                let bytes = bytes.as_bytes().try_into().map_err(|_| TpmError::Missing("a count"))?;
                Ok(Some(u64::from_be_bytes(bytes)))
            }
            Err(error) => match outcome(&error) {
                // With another name it is somebody else's, and no key of the volume's is good by it.
                Outcome::NoObject | Outcome::OtherIndex | Outcome::WrongAuth => Ok(None),
                _ => Err(doing("reading the count of sealed keys")(error)),
            },
        }
    }

    /// The count of a volume's sealed keys, which begins where there is none. Where it begins is the TPM's choice.
    ///
    /// # Errors
    /// When the TPM fails.
    pub fn begin_key_count(&mut self, counter: &Index) -> Result<u64> {
        if let Some(count) = self.key_count(counter)? {
            return Ok(count);
        }
        // What is there was made by somebody else, or never counted.
        self.forget(counter)?;
        self.count_up(counter)?;
        self.key_count(counter)?.ok_or(TpmError::Missing(COUNT))
    }

    /// Has the TPM count until no key that was sealed to a lower count is good any more.
    ///
    /// # Errors
    /// When the TPM fails, or has counted further.
    pub fn count_keys_to(&mut self, counter: &Index, count: u64) -> Result<()> {
        let mut now = self.begin_key_count(counter)?;
        while now < count {
            self.count_up(counter)?;
            let next = self.key_count(counter)?.filter(|next| *next > now);
            now = next.ok_or(TpmError::Missing("a higher count of sealed keys"))?;
        }
        // Somebody else counted meanwhile: the new key is worth nothing either, so the old ones have to stay.
        if now == count { Ok(()) } else { Err(TpmError::Revoked(count, Some(now))) }
    }

    /// Refuses a key that is not the good one, or not yet: costs one command.
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

    /// `PolicyNV`: goes on only while the count is this one.
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

    /// An index whose public area is known: costs no command.
    fn known_index(&mut self, index: &Index) -> Result<NvIndexHandle> {
        let resource = self.context.tr_deserialize(&index.resource(&[])).map_err(doing(NAMING))?;
        Ok(NvIndexHandle::from(resource))
    }
}

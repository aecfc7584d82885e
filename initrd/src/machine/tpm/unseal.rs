//! Unsealing.
//!
//! Fewest commands at the chip, where the kernel loads and saves around each command whatever a connection holds: a
//! signature is checked before there is a session, on a connection of its own, and what is loaded is not flushed after
//! success. The resource manager keeps it outside of the TPM and forgets it with the connection, at no command.

use pattern::token::{Bank, Pcrs, Sealed, Signatures, Signed, Tpm2Token};
use tss_esapi::constants::SessionType;
use tss_esapi::handles::{KeyHandle, ObjectHandle, SessionHandle};
use tss_esapi::interface_types::session_handles::{AuthSession, PolicySession};
use tss_esapi::structures::{Auth, Digest, Private, Public};
use tss_esapi::traits::UnMarshall;
use zeroize::Zeroizing;

use super::{Result, Tcti, Tpm, TpmError, doing, outcome};
use crate::machine::tpm::approve::{Approved, candidates, no_reference};
use crate::machine::tpm::error::Outcome;
use crate::machine::tpm::pcr::selection;

/// A PCR may be extended by another program between two of our commands. This often in a row is no chance.
const TRIES: usize = 5;

/// What a token may ask for beside the TPM.
#[derive(Clone, Copy, Default)]
pub struct Presented<'a> {
    /// The signatures that the running image brought along.
    pub signatures: Option<&'a Signatures>,
    /// What a person entered. Nobody may be asked before the token was tried without.
    pub pin: Option<&'a str>,
}

pub(super) type Secret = Zeroizing<Vec<u8>>;
pub(super) type AuthValue = Option<Zeroizing<Vec<u8>>>;

impl Tpm {
    /// Gets the secret of a token back. The token was parsed, so its parts agree with each other; that they
    /// agree with this TPM and this boot is for the TPM to find.
    ///
    /// # Errors
    /// When the TPM refuses: the error tells a cleared TPM, another TPM, changed PCRs, a missing signature and a wrong
    /// PIN apart. Without a PIN, a token that asks for one gives [`TpmError::NoPin`] only if it names this TPM's own
    /// storage root key. With another key in the token, who wrote it there could read the session that the PIN is used
    /// in, and try PINs on what was heard, without the TPM and its count.
    pub fn unseal(tcti: &Tcti, token: &Tpm2Token, presented: Presented<'_>) -> Result<Secret> {
        // Nobody enters a PIN in vain.
        if let Some(signed) = &token.signed {
            let _some = candidates(signed, token.bank, presented.signatures)?;
        }
        let auth = match (&token.pin, presented.pin) {
            (None, _) => None,
            (Some(pin), Some(text)) => Some(pin.auth_value(text)),
            (Some(_), None) => {
                let mut tpm = Self::connect(tcti)?;
                tpm.compare_srk(&token.srk)?;
                tpm.compare_count(token.counted)?;
                return Err(TpmError::NoPin);
            }
        };
        let answer = while_pcrs_change(|| attempt(tcti, token, presented, &auth));
        answer.map_err(|failure| Self::diagnose(tcti, token, presented, failure))
    }

    /// `StartAuthSession`, `PolicyPCR` and `PolicyAuthorize` for a signature, `PolicyPCR` for the literal PCRs, `PolicyNV` for
    /// a count, `PolicyAuthValue` for a PIN, `Load`, `Unseal`, which ends the session. The token carries the storage root key, so
    /// the TPM need not be asked for it. After a failure the library flushes what is left.
    ///
    /// systemd binds the session that encrypts to the object. Ours need not be bound: it also authorizes the object, so the
    /// PIN goes into the key that encrypts the secret (TPM 2.0 Library, Part 1, "Session-Based Encryption").
    fn unseal_below(
        mut self,
        token: &Tpm2Token,
        approved: Option<Approved>,
        auth: &AuthValue,
    ) -> Result<Secret> {
        let bytes = token.srk.to_bytes();
        let srk = self.context.tr_deserialize(&bytes).map_err(doing("reading tpm2_srk"))?;
        let session = self.start_session(KeyHandle::from(srk), SessionType::Policy, (false, true))?;
        let policy = PolicySession::try_from(session).map_err(doing("starting a policy session"))?;
        self.meet(policy, (token.signed.as_ref(), token.literal, token.bank), approved)?;
        self.meet_count(policy, token.counted)?;
        if auth.is_some() {
            self.context.policy_auth_value(policy).map_err(doing("asking for the PIN"))?;
        }
        let object = self.load(KeyHandle::from(srk), &token.sealed)?;
        if let Some(value) = auth {
            let value = Auth::from_bytes(value).map_err(doing("handing over the PIN"))?;
            self.context.tr_set_auth(object, value).map_err(doing("handing over the PIN"))?;
        }
        let secret = self.context.execute_with_session(Some(session), |context| context.unseal(object));
        let secret = Zeroizing::new(secret.map_err(doing("unsealing"))?.as_bytes().to_vec());
        self.leave(object);
        self.leave(SessionHandle::from(session).into());
        Ok(secret)
    }

    /// Takes a session through what a policy says of PCRs, in the order in which it was made.
    pub(super) fn meet(
        &mut self,
        policy: PolicySession,
        (signed, literal, bank): (Option<&Signed>, Option<Pcrs>, Bank),
        approved: Option<Approved>,
    ) -> Result<()> {
        let checking = doing("checking PCRs");
        if let (Some(signed), Some(Approved { policy: digest, key, ticket })) = (signed, approved) {
            let pcrs = selection(signed.pcrs, bank)?;
            self.context.policy_pcr(policy, Digest::default(), pcrs).map_err(&checking)?;
            let authorized = self.context.policy_authorize(policy, digest, no_reference(), &key, ticket);
            authorized.map_err(doing("comparing PCRs with their signature"))?;
        }
        if let Some(literal) = literal {
            let pcrs = selection(literal, bank)?;
            self.context.policy_pcr(policy, Digest::default(), pcrs).map_err(&checking)?;
        }
        Ok(())
    }

    pub(super) fn load(&mut self, srk: KeyHandle, sealed: &Sealed) -> Result<ObjectHandle> {
        let private = Private::from_bytes(&sealed.private).map_err(doing("reading the sealed object"))?;
        let public = Public::unmarshall(&sealed.public).map_err(doing("reading the sealed object"))?;
        let password = Some(AuthSession::Password);
        let object =
            self.context.execute_with_session(password, |context| context.load(srk, private, public));
        Ok(object.map_err(doing("loading the sealed object"))?.into())
    }
}

/// Tries again when another program has extended a PCR in between.
pub(super) fn while_pcrs_change(attempt: impl Fn() -> Result<Secret>) -> Result<Secret> {
    let mut answer = attempt();
    for _ in 1..TRIES {
        match &answer {
            Err(TpmError::Failed(_, error)) if outcome(error) == Outcome::PcrChanged => answer = attempt(),
            _ => break,
        }
    }
    answer
}

fn attempt(tcti: &Tcti, token: &Tpm2Token, presented: Presented<'_>, auth: &AuthValue) -> Result<Secret> {
    let approve = |signed| Tpm::connect(tcti)?.approve(signed, token.bank, presented.signatures);
    let approved = token.signed.as_ref().map(approve).transpose()?;
    Tpm::connect(tcti)?.unseal_below(token, approved, auth)
}

//! Unseals secrets, with as few commands to the chip as possible.
//!
//! A signature is checked before there is a session, and its key is flushed: so there are never
//! more than one object and one session in the TPM.

use pattern::token::{Bank, Pcrs, Sealed, Signatures, Signed, Tpm2Token};
use tss_esapi::constants::SessionType;
use tss_esapi::handles::{KeyHandle, ObjectHandle};
use tss_esapi::interface_types::session_handles::{AuthSession, PolicySession};
use tss_esapi::structures::{Auth, Digest, Private, Public, VerifiedTicket};
use tss_esapi::traits::UnMarshall;
use zeroize::Zeroizing;

use super::{Result, Tcti, Tpm, TpmError, doing, outcome};
use crate::tpm::approve::{Approved, candidates, no_reference};
use crate::tpm::error::Outcome;
use crate::tpm::pcr::selection;

/// Another program may extend a PCR between two of our commands. This often in a row is not chance.
const TRIES: usize = 5;

/// What a token may need besides the TPM.
#[derive(Clone, Copy, Default)]
pub struct Presented<'a> {
    /// The signatures that the running image has.
    pub signatures: Option<&'a Signatures>,
    /// What a person entered. Nobody may be asked before the token was tried without a PIN.
    pub pin: Option<&'a str>,
}

pub(super) type Secret = Zeroizing<Vec<u8>>;
pub(super) type AuthValue = Option<Zeroizing<Vec<u8>>>;

impl Tpm {
    /// Returns the secret of a token. The token was parsed, so its parts are consistent. Whether
    /// they match this TPM and this boot is for the TPM to decide.
    ///
    /// # Errors
    /// When the TPM refuses. The error distinguishes a cleared TPM, another TPM, changed PCRs, a
    /// missing signature and a wrong PIN. If a token needs a PIN and none is given, the error is
    /// [`TpmError::NoPin`], but only if the token names this TPM's own storage root key. With
    /// another key in the token, whoever wrote it there could read the session in which the PIN is
    /// used, and try PINs on the recording, without the TPM and its count.
    pub fn unseal(tcti: &Tcti, token: &Tpm2Token, presented: Presented<'_>) -> Result<Secret> {
        // Checked first, so that nobody enters a PIN in vain.
        if let Some(signed) = &token.signed {
            let _some = candidates(signed, token.bank, presented.signatures)?;
        }
        let auth = match (&token.pin, presented.pin) {
            (None, _) => None,
            (Some(pin), Some(text)) => Some(pin.auth_value(text)),
            (Some(_), None) => {
                tcti.ask(|tpm| tpm.compare_srk(&token.srk).and_then(|()| tpm.compare_count(token.counted)))?;
                return Err(TpmError::NoPin);
            }
        };
        let answer = while_pcrs_change(|| attempt(tcti, token, presented, &auth));
        answer.map_err(|failure| Self::diagnose(tcti, token, presented, failure))
    }

    /// Unseals in one session. Commands: `StartAuthSession`, `PolicyPCR` and `PolicyAuthorize` for
    /// a signature, `PolicyPCR` for the literal PCRs, `PolicyNV` for a count, `PolicyAuthValue` for
    /// a PIN, `Load`, `Unseal`, which ends the session, and `FlushContext`. The token has the storage root key, so
    /// the TPM need not be asked for it.
    ///
    /// systemd binds the encrypting session to the object. Ours need not be bound: it also
    /// authorizes the object, so the PIN is part of the key that encrypts the secret (TPM 2.0
    /// Library, Part 1, "Session-Based Encryption").
    fn unseal_below(
        &mut self,
        token: &Tpm2Token,
        approved: Option<Approved>,
        auth: &AuthValue,
    ) -> Result<Secret> {
        let bytes = token.srk.to_bytes();
        let srk = self.context.tr_deserialize(&bytes).map_err(doing("reading tpm2_srk"))?;
        // Encrypts the answer, because the secret is in it.
        let session = self.start_session(KeyHandle::from(srk), SessionType::Policy, (false, true))?;
        let policy = PolicySession::try_from(session).map_err(doing("starting a policy session"))?;
        self.meet(policy, (token.signed.as_ref(), token.literal, token.bank), approved)?;
        self.meet_count(policy, token.counted)?;
        if auth.is_some() {
            self.context.policy_auth_value(policy).map_err(doing("asking for the PIN"))?;
        }
        let object = self.load(KeyHandle::from(srk), &token.sealed)?;
        if let Some(value) = auth {
            let value = Auth::from_bytes(value).map_err(doing("passing the PIN to the TPM"))?;
            self.context.tr_set_auth(object, value).map_err(doing("passing the PIN to the TPM"))?;
        }
        let secret = self.context.execute_with_session(Some(session), |context| context.unseal(object));
        let secret = Zeroizing::new(secret.map_err(doing("unsealing"))?.as_bytes().to_vec());
        self.unload(object);
        self.ended(session);
        Ok(secret)
    }

    /// Takes a session through the PCR part of a policy, in the order in which the policy was made.
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
            let ticket = VerifiedTicket::try_from(ticket).map_err(&checking)?;
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
        let object = object.map_err(|error| match outcome(&error) {
            // What is loaded has no password of its own here, so it is that of the storage root key.
            Outcome::WrongAuth => self.locked_key(srk),
            _ => doing("loading the sealed object")(error),
        })?;
        Ok(self.has_loaded(object.into()))
    }
}

/// Tries again if another program extended a PCR meanwhile.
pub(super) fn while_pcrs_change<T>(attempt: impl Fn() -> Result<T>) -> Result<T> {
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
    tcti.ask(|tpm| {
        let approve = |signed| tpm.approve(signed, token.bank, presented.signatures);
        let approved = token.signed.as_ref().map(approve).transpose()?;
        tpm.unseal_below(token, approved, auth)
    })
}

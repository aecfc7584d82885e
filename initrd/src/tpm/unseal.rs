//! Unsealing, and finding out why it failed.

use pattern::token::{self, Tpm2Token};
use tss_esapi::constants::SessionType;
use tss_esapi::handles::{KeyHandle, ObjectHandle, SessionHandle};
use tss_esapi::interface_types::session_handles::{AuthSession, PolicySession};
use tss_esapi::structures::{Digest, Private, Public};
use tss_esapi::traits::UnMarshall;
use zeroize::Zeroizing;

use super::error::Outcome;
use super::pcr::selection;
use super::{Result, Tpm, TpmError, doing, outcome};

/// A PCR may be extended by another program between two of our commands. This often in a row is no chance.
const TRIES: usize = 5;

impl Tpm {
    /// Gets the secret of a token back. The token was parsed, so its parts agree with each other; that they
    /// agree with this TPM and this boot is for the TPM to find.
    ///
    /// # Errors
    /// When the TPM refuses: the error tells a cleared TPM, another TPM and changed PCRs apart.
    pub fn unseal(&mut self, token: &Tpm2Token) -> Result<Zeroizing<Vec<u8>>> {
        let mut answer = self.unseal_once(token);
        for _ in 1..TRIES {
            match &answer {
                Err(TpmError::Failed(_, error)) if outcome(error) == Outcome::PcrChanged => {
                    answer = self.unseal_once(token);
                }
                _ => break,
            }
        }
        answer.map_err(|failure| self.diagnose(token, failure))
    }

    /// `StartAuthSession`, `PolicyPCR`, `Load`, `Unseal` (which ends the session), `FlushContext`: the token carries
    /// the storage root key, so the TPM need not be asked for it.
    fn unseal_once(&mut self, token: &Tpm2Token) -> Result<Zeroizing<Vec<u8>>> {
        let bytes = token.srk.to_bytes();
        let srk = self.context.tr_deserialize(&bytes).map_err(doing("reading tpm2_srk"))?;
        let secret = self.unseal_below(srk, token);
        self.forget(srk);
        secret
    }

    fn unseal_below(&mut self, srk: ObjectHandle, token: &Tpm2Token) -> Result<Zeroizing<Vec<u8>>> {
        let session = self.start_session(KeyHandle::from(srk), SessionType::Policy)?;
        let handle = ObjectHandle::from(SessionHandle::from(session));
        let secret = self.unseal_with(session, KeyHandle::from(srk), token);
        match secret {
            Ok(_) => self.forget(handle),
            Err(_) => self.context.flush_context(handle).map_err(doing("ending a session"))?,
        }
        secret
    }

    fn unseal_with(
        &mut self,
        session: AuthSession,
        srk: KeyHandle,
        token: &Tpm2Token,
    ) -> Result<Zeroizing<Vec<u8>>> {
        let policy = PolicySession::try_from(session).map_err(doing("starting a policy session"))?;
        let pcrs: Vec<u8> = token.pcrs.iter().collect();
        let selection = selection(&pcrs, token.bank)?;
        self.context.policy_pcr(policy, Digest::default(), selection).map_err(doing("checking PCRs"))?;
        let object = self.load(srk, token)?;
        let secret = self.context.execute_with_session(Some(session), |context| context.unseal(object));
        self.context.flush_context(object).map_err(doing("forgetting the sealed object"))?;
        Ok(Zeroizing::new(secret.map_err(doing("unsealing"))?.as_bytes().to_vec()))
    }

    fn load(&mut self, srk: KeyHandle, token: &Tpm2Token) -> Result<ObjectHandle> {
        let private =
            Private::from_bytes(&token.sealed.private).map_err(doing("reading the sealed object"))?;
        let public = Public::unmarshall(&token.sealed.public).map_err(doing("reading the sealed object"))?;
        let password = Some(AuthSession::Password);
        let object =
            self.context.execute_with_session(password, |context| context.load(srk, private, public));
        Ok(object.map_err(doing("loading the sealed object"))?.into())
    }

    /// Turns a refusal into the fact behind it, with a few more commands: failing may take its time.
    fn diagnose(&mut self, token: &Tpm2Token, failure: TpmError) -> TpmError {
        if !matches!(failure, TpmError::Failed(..)) {
            return failure;
        }
        let handle = token.srk.handle();
        match self.key_at(handle) {
            Ok(None) => TpmError::NoKey(handle),
            Ok(Some((_, srk))) if srk == token.srk => self.diagnose_pcrs(token, failure),
            Ok(Some(_)) => TpmError::OtherKey(handle),
            // The first failure tells more than a second one.
            Err(_) => failure,
        }
    }

    fn diagnose_pcrs(&mut self, token: &Tpm2Token, failure: TpmError) -> TpmError {
        match self.pcr_values(token.pcrs, token.bank) {
            Ok(values) if values.len() != token.pcrs.iter().count() => {
                TpmError::Exposed(token::Exposed::NoBank(token.bank))
            }
            Ok(values) if token::policy_digest(token.pcrs, token.bank, &values) != token.policy => {
                TpmError::WrongPcr(token.pcrs, token.bank)
            }
            Ok(_) | Err(_) => failure,
        }
    }
}

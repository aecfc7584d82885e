//! A TPM key that approves policies, and a secret that opens under any of them, see
//! [`pattern::token::ahead`].

use pattern::token::ahead::{Ahead, Announced, Approver};
use pattern::token::{Bank, Counted, Digest, Pcrs, PublicKey, SPENT, Sealed};
use tss_esapi::attributes::ObjectAttributesBuilder;
use tss_esapi::constants::SessionType;
use tss_esapi::handles::KeyHandle;
use tss_esapi::interface_types::algorithm::{HashingAlgorithm, PublicAlgorithm};
use tss_esapi::interface_types::ecc::EccCurve;
use tss_esapi::interface_types::session_handles::PolicySession;
use tss_esapi::structures::{
    self, Auth, EccParameter, EccPoint, EccScheme, EccSignature, HashScheme, KeyDerivationFunctionScheme,
    Name, Public, PublicBuilder, PublicEccParameters, Signature, SignatureScheme, SymmetricDefinitionObject,
    VerifiedTicket,
};
use tss_esapi::traits::{Marshall, UnMarshall};
use zeroize::Zeroizing;

use super::{Presented, Result, Tcti, Tpm, TpmError, doing, outcome};
use crate::tpm::approve::{Approved, no_reference};
use crate::tpm::error::Outcome;
use crate::tpm::pcr::selection;
use crate::tpm::seal::{NewPin, SealedTo};
use crate::tpm::unseal::{AuthValue, Secret, while_pcrs_change};

const MAKING: &str = "making the key that announced changes are signed with";
const SIGNING: &str = "signing an announced change";
const CHECKING: &str = "checking the signature of an announced change";

impl Tpm {
    /// Makes a key that only this TPM can use, with a password of 32 random bytes.
    ///
    /// # Errors
    /// When the TPM fails.
    pub fn make_approver(&mut self, auth: Zeroizing<[u8; 32]>) -> Result<Approver> {
        let (parent, srk) = self.srk()?;
        let template = template().map_err(doing(MAKING))?;
        let password = Auth::from_bytes(&*auth).map_err(doing(MAKING))?;
        let session = self.start_session(parent, SessionType::Hmac, (true, false))?;
        let made = self.context.execute_with_session(Some(session), |context| {
            context.create(parent, template, Some(password), None, None, None)
        });
        let made = made.map_err(|error| match outcome(&error) {
            Outcome::NoAlgorithm => TpmError::NoCurves,
            _ => Self::below_srk(MAKING, srk.handle())(error),
        })?;
        self.ended(session);
        let public = made.out_public.marshall().map_err(doing(MAKING))?;
        Ok(Approver { auth, key: Sealed { private: made.out_private.as_bytes().to_vec(), public } })
    }

    /// Seals a secret for a key slot. It opens under every policy that this key will sign.
    ///
    /// # Errors
    /// When the TPM fails.
    pub fn seal_ahead(
        &mut self,
        secret: &[u8; 32],
        approver: &Approver,
        (bank, counted): (Bank, Option<Counted>),
        pin: Option<&NewPin<'_>>,
    ) -> Result<Ahead> {
        let key = approver.key.public.clone();
        let policy = Ahead::policy(&key, bank, counted, pin.is_some());
        let SealedTo { sealed, srk, pin } = self.seal_to(secret, &policy, pin)?;
        Ok(Ahead { keyslot: 0, bank, counted, pin, sealed, srk, key, announced: None, kept: None })
    }

    /// Signs a policy with the key. Commands: `Load`, `StartAuthSession`, `Sign`, `FlushContext`.
    ///
    /// # Errors
    /// When the password is wrong, or the TPM is another one or fails.
    pub fn sign_ahead(&mut self, approver: &Approver, policy: &Digest) -> Result<Vec<u8>> {
        let (srk, _) = self.srk()?;
        let key = self.load(srk, &approver.key)?;
        let password = Auth::from_bytes(&*approver.auth).map_err(doing(SIGNING))?;
        self.context.tr_set_auth(key, password).map_err(doing(SIGNING))?;
        let session = self.start_session(srk, SessionType::Hmac, (false, false))?;
        let (message, scheme) = (structures::Digest::from(Ahead::message(policy)), ecdsa());
        let signed = self.context.execute_with_session(Some(session), |context| {
            context.sign(KeyHandle::from(key), message, scheme, None)
        });
        let Signature::EcDsa(signature) = signed.map_err(doing(SIGNING))? else {
            return Err(TpmError::Missing("a signature"));
        };
        self.ended(session);
        self.unload(key);
        let numbers =
            [signature.signature_r(), signature.signature_s()].map(|number| padded(number.as_bytes()));
        Ok(numbers.concat())
    }

    /// Returns the secret, in a boot whose registers meet the policy that was signed. `image` is
    /// the key of this image, and `presented` has its signatures.
    ///
    /// # Errors
    /// When nothing was signed, or the TPM refuses because this is not the announced boot. If the
    /// slot needs a PIN and none is given, the error is [`TpmError::NoPin`].
    pub fn unseal_ahead(
        tcti: &Tcti,
        ahead: &Ahead,
        image: Option<&PublicKey>,
        presented: Presented<'_>,
    ) -> Result<Secret> {
        let announced = ahead.announced.as_ref().ok_or(TpmError::Missing("an announced change"))?;
        let auth = match (&ahead.pin, presented.pin) {
            (None, _) => None,
            (Some(pin), Some(text)) => Some(pin.auth_value(text)),
            (Some(_), None) => {
                // As in [`Tpm::unseal`]: an attacker who listens could have put a key of their own
                // into the token.
                tcti.ask(|tpm| tpm.compare_srk(&ahead.srk).and_then(|()| tpm.compare_count(ahead.counted)))?;
                return Err(TpmError::NoPin);
            }
        };
        let answer = while_pcrs_change(|| {
            tcti.ask(|tpm| tpm.unseal_announced((ahead, announced), image, presented, &auth))
        });
        answer.map_err(|failure| match failure {
            TpmError::Failed(_, error) if auth.is_some() && outcome(&error) == Outcome::WrongAuth => {
                Self::wrong_pin(tcti)
            }
            failure => failure,
        })
    }

    fn unseal_announced(
        &mut self,
        (ahead, announced): (&Ahead, &Announced),
        image: Option<&PublicKey>,
        presented: Presented<'_>,
        auth: &AuthValue,
    ) -> Result<Secret> {
        let signed = announced.signed(image);
        let approve = |signed| self.approve(signed, ahead.bank, presented.signatures);
        // Both signatures are checked before there is a session. See `unseal`.
        let by_image = signed.as_ref().map(approve).transpose()?;
        let by_owner = self.verify_ahead(ahead, announced)?;
        let srk = self.known_srk(&ahead.srk)?;
        let session = self.start_session(srk, SessionType::Policy, (false, true))?;
        let policy = PolicySession::try_from(session).map_err(doing("starting a policy session"))?;
        // In the order of `Ahead::policy`: any other order gives another digest.
        self.meet(policy, (signed.as_ref(), Some(announced.literal), ahead.bank), by_image)?;
        self.meet_announced(policy, by_owner, (announced.literal, ahead.bank))?;
        self.meet_count(policy, ahead.counted)?;
        if auth.is_some() {
            self.context.policy_auth_value(policy).map_err(doing("asking for the PIN"))?;
        }
        let object = self.load(srk, &ahead.sealed)?;
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

    /// Compares what the session went through with what was signed. `PolicyAuthorize` then resets
    /// the session's policy, so PCR 15 is checked once more after it.
    fn meet_announced(
        &mut self,
        policy: PolicySession,
        by_owner: Approved,
        (announced, bank): (Pcrs, Bank),
    ) -> Result<()> {
        let Approved { policy: digest, key, ticket } = by_owner;
        let ticket = VerifiedTicket::try_from(ticket).map_err(doing(CHECKING))?;
        let authorized = self.context.policy_authorize(policy, digest, no_reference(), &key, ticket);
        authorized.map_err(|error| match outcome(&error) {
            Outcome::WrongValue => TpmError::Unannounced(announced, bank),
            _ => doing("comparing PCRs with what was announced")(error),
        })?;
        let untouched = selection(Pcrs::one(SPENT), bank)?;
        let met = self.context.policy_pcr(policy, structures::Digest::default(), untouched);
        met.map_err(doing("checking PCRs"))
    }

    /// Checks the owner's signature. Commands: `LoadExternal`, `VerifySignature`, `FlushContext`.
    fn verify_ahead(&mut self, ahead: &Ahead, announced: &Announced) -> Result<Approved> {
        let area = Public::unmarshall(&ahead.key).map_err(doing(CHECKING))?;
        let numbers = announced.signature.split_at_checked(32).ok_or(TpmError::Missing("a signature"))?;
        let [r, s] = [numbers.0, numbers.1].map(EccParameter::from_bytes);
        let signature = EccSignature::create(
            HashingAlgorithm::Sha256,
            r.map_err(doing(CHECKING))?,
            s.map_err(doing(CHECKING))?,
        );
        let signature = Signature::EcDsa(signature.map_err(doing(CHECKING))?);
        let message = structures::Digest::from(Ahead::message(&announced.policy));
        let key = self.load_public(area).map_err(doing(CHECKING))?;
        let ticket = self.context.verify_signature(key, message, signature).and_then(TryFrom::try_from);
        let ticket = ticket.map_err(doing(CHECKING))?;
        self.unload(key.into());
        let name = Name::try_from(ahead.name()).map_err(doing(CHECKING))?;
        Ok(Approved { policy: structures::Digest::from(announced.policy), key: name, ticket })
    }
}

/// Returns a number as 32 bytes: a TPM may omit leading zeros.
fn padded(number: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0; 32_usize.saturating_sub(number.len())];
    bytes.extend_from_slice(number);
    bytes
}

fn ecdsa() -> SignatureScheme {
    SignatureScheme::EcDsa { scheme: HashScheme::new(HashingAlgorithm::Sha256) }
}

/// Describes a signing key that can't leave this TPM. A wrong password does not count as a wrong
/// PIN.
fn template() -> tss_esapi::Result<Public> {
    let attributes = ObjectAttributesBuilder::new()
        .with_fixed_tpm(true)
        .with_fixed_parent(true)
        .with_sensitive_data_origin(true)
        .with_user_with_auth(true)
        .with_no_da(true)
        .with_sign_encrypt(true)
        .build()?;
    PublicBuilder::new()
        .with_public_algorithm(PublicAlgorithm::Ecc)
        .with_name_hashing_algorithm(HashingAlgorithm::Sha256)
        .with_object_attributes(attributes)
        .with_ecc_parameters(PublicEccParameters::new(
            SymmetricDefinitionObject::Null,
            EccScheme::EcDsa(HashScheme::new(HashingAlgorithm::Sha256)),
            EccCurve::NistP256,
            KeyDerivationFunctionScheme::Null,
        ))
        .with_ecc_unique_identifier(EccPoint::default())
        .build()
}

//! A second key slot for the TPM, which opens after a change that the owner announced.
//!
//! The running system does not have the volume's key, so it can't seal the key for the registers of
//! the next boot. But it can say which registers are acceptable. A key slot of the volume has a
//! secret whose policy is "what a certain key signed, while PCR 15 is untouched". That key is the
//! TPM's. Its password is inside the volume, where only root can read it. What is signed is the
//! whole policy of an ordinary token, with the registers as they will be. Until something is
//! signed, the slot opens nothing.
//!
//! The token has its own type. systemd has no such policy, and ignores tokens of other types.

mod text;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use super::{
    Bank, Counted, Digest, Earlier, Pcrs, Pin, PublicKey, SPENT, Sealed, Signed, Srk, TokenError,
    authorized_digest, policy,
};
use text::{AnnouncedText, Text, announced, bank, bytes, counted};

/// The type of the token.
pub const TYPE: &str = "pattern-ahead";

const ALG_SHA256: u16 = 0x000b;
/// Longest token in bytes. A real one has about 1.5 KiB.
const TEXT_LIMIT: usize = 8 * 1024;

/// The content of such a token.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Ahead {
    /// The key slot that the secret opens.
    pub keyslot: u32,
    /// The bank of all PCRs.
    pub bank: Bank,
    /// The count of the TPM at which the secret is valid, if it is counted.
    pub counted: Option<Counted>,
    /// The PIN that the TPM also asks for.
    pub pin: Option<Pin>,
    /// The sealed secret.
    pub sealed: Sealed,
    /// The storage root key that the secret is sealed to.
    pub srk: Srk,
    /// The `TPMT_PUBLIC` of the key whose signatures are accepted.
    pub key: Vec<u8>,
    /// What was signed last, if anything.
    pub announced: Option<Announced>,
    /// What was signed before, if the boot in which the last was signed opened the volume by it. It stays, because the last need
    /// not come about.
    pub kept: Option<Announced>,
}

/// A policy that the slot opens for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Announced {
    /// The policy: PCR 11 signed with the image's key, if it has one, and then the literal PCRs.
    pub policy: Digest,
    /// The key of the image that announced it, which signs PCR 11. Announcements of earlier versions do not name it.
    pub image: Option<PublicKey>,
    /// Whether PCR 12 has additions to the kernel image.
    pub additions: bool,
    /// The PCRs whose values the policy names.
    pub literal: Pcrs,
    /// An ECDSA signature over P-256, of [`Ahead::message`].
    pub signature: Vec<u8>,
    /// PCR 7 before the change, for recognising earlier records.
    pub earlier: Earlier,
}

impl Announced {
    /// Returns what is signed of a start. If the announcement does not say it, that is by the key of the image that is asked.
    #[must_use]
    pub fn signed(&self, asked: Option<&PublicKey>) -> Option<Signed> {
        let key = self.image.as_ref().or(asked)?.clone();
        Some(Signed { key, pcrs: Pcrs::one(policy::OF_THE_IMAGE) })
    }

    /// Returns whether this opens in a boot whose registers have these values. PCR 15 counts as it is before the volume is opened.
    #[must_use]
    pub fn is_of(
        &self,
        asked: Option<&PublicKey>,
        bank: Bank,
        value: impl Fn(u8) -> Option<Vec<u8>>,
    ) -> bool {
        let before = |pcr| if pcr == SPENT { Some(bank.zeros()) } else { value(pcr) };
        let values: Option<Vec<_>> = self.literal.iter().map(before).collect();
        let signed = self.signed(asked);
        values.is_some_and(|values| {
            policy::digest(signed.as_ref(), Some((self.literal, bank, &values)), None, false) == self.policy
        })
    }
}

impl Ahead {
    /// Returns what was announced, the last first.
    pub fn announcements(&self) -> impl Iterator<Item = &Announced> {
        self.announced.iter().chain(&self.kept)
    }

    /// Returns the policy of the sealed object: anything that the key signed, in a boot in which
    /// nothing was opened yet.
    #[must_use]
    pub fn policy(key: &[u8], bank: Bank, counted: Option<Counted>, pin: bool) -> Digest {
        authorized_digest(&name(key), Pcrs::one(SPENT), bank, counted, pin)
    }

    /// Returns the name of the key.
    #[must_use]
    pub fn name(&self) -> Vec<u8> {
        name(&self.key)
    }

    /// Returns what the key signs for a policy (TPM 2.0 Library, Part 3, "`TPM2_PolicyAuthorize`";
    /// the reference is empty).
    #[must_use]
    pub fn message(policy: &Digest) -> Digest {
        Sha256::digest(policy).into()
    }

    /// Parses the JSON text of a token.
    ///
    /// # Errors
    /// When it is not such a token, or its parts contradict each other.
    pub fn parse(text: &str) -> Result<Self, TokenError> {
        if text.len() > TEXT_LIMIT {
            return Err(TokenError::NotAToken(format!("longer than {TEXT_LIMIT} bytes")));
        }
        let text: Text =
            serde_json::from_str(text).map_err(|error| TokenError::NotAToken(error.to_string()))?;
        if text.kind != TYPE {
            return Err(TokenError::NotAToken(format!("not of the type {TYPE}")));
        }
        let [keyslot] = text.keyslots;
        let keyslot = keyslot.parse().ok().filter(|slot| *slot < 32);
        let ahead = Self {
            keyslot: keyslot.ok_or(TokenError::Malformed("keyslots", "one key slot"))?,
            bank: bank(&text.bank)?,
            counted: counted(text.counter, text.count)?,
            pin: text.salt.map(|salt| Ok(Pin { salt: Some(bytes("salt", &salt)?) })).transpose()?,
            sealed: Sealed::parse(&bytes("blob", &text.blob)?)?,
            srk: Srk::parse(&bytes("srk", &text.srk)?)?,
            key: bytes("key", &text.key)?,
            announced: text.announced.map(announced).transpose()?,
            kept: text.kept.map(announced).transpose()?,
        };
        let policy = Self::policy(&ahead.key, ahead.bank, ahead.counted, ahead.pin.is_some());
        if ahead.sealed.policy() != Some(policy) {
            return Err(TokenError::Malformed("blob", "a data object under the policy of key alone"));
        }
        Ok(ahead)
    }

    /// Returns the JSON text.
    #[must_use]
    pub fn to_json(&self) -> String {
        let salt = self.pin.as_ref().and_then(|pin| pin.salt.as_ref());
        let text = Text {
            kind: TYPE.to_owned(),
            keyslots: [self.keyslot.to_string()],
            bank: self.bank.name().to_owned(),
            counter: self.counted.map(|counted| counted.handle.to_string()),
            count: self.counted.map(|counted| counted.count.to_string()),
            salt: salt.map(|salt| STANDARD.encode(salt)),
            blob: STANDARD.encode(self.sealed.to_bytes()),
            srk: STANDARD.encode(self.srk.to_bytes()),
            key: STANDARD.encode(&self.key),
            announced: self.announced.as_ref().map(AnnouncedText::of),
            kept: self.kept.as_ref().map(AnnouncedText::of),
        };
        // Strings and numbers can always be written as JSON.
        serde_json::to_string(&text).unwrap_or_default()
    }
}

/// The key that signs, which only this TPM can use, and its password. It is kept inside the volume.
#[derive(Clone, PartialEq, Eq)]
pub struct Approver {
    /// The password.
    pub auth: Zeroizing<[u8; 32]>,
    /// The key, as the TPM returned it. The TPM has encrypted its private part.
    pub key: Sealed,
}

impl Approver {
    /// Returns the content of the file.
    #[must_use]
    pub fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        let key = self.key.to_bytes();
        let mut bytes = Zeroizing::new(Vec::with_capacity(self.auth.len() + key.len()));
        bytes.extend_from_slice(&*self.auth);
        bytes.extend_from_slice(&key);
        bytes
    }

    /// Parses the content of the file.
    #[must_use]
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let (auth, key) = bytes.split_first_chunk()?;
        Some(Self { auth: Zeroizing::new(*auth), key: Sealed::parse(key).ok()? })
    }
}

fn name(key: &[u8]) -> Vec<u8> {
    [&ALG_SHA256.to_be_bytes()[..], &Sha256::digest(key)].concat()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::token::samples;

    /// A token that a software TPM made.
    const TOKEN: &str = include_str!("../../tests/fixtures/firmware/ahead.json");

    fn with(change: impl FnOnce(&mut Value)) -> String {
        let mut token: Value = serde_json::from_str(TOKEN).unwrap();
        change(&mut token);
        Ahead::parse(&token.to_string()).unwrap_err().to_string()
    }

    #[test]
    fn a_token_is_written_as_it_was_read() {
        let ahead = Ahead::parse(TOKEN).unwrap();
        assert_eq!(ahead.to_json(), TOKEN.trim());
        let announced = ahead.announced.unwrap();
        assert_eq!(announced.literal.to_string(), "7+12+15");
        let earlier =
            Earlier { value: vec![7; 3], db: Some(1676), kek: None, dbx: Some(vec![8; 2]), accepted: None };
        assert_eq!(announced.earlier, earlier);
    }

    /// What was announced last need not come about: a firmware that refuses a change, a version that fails its trial.
    #[test]
    fn what_the_boot_opened_by_stays_beside_what_was_announced_last() {
        let ahead = Ahead::parse(TOKEN).unwrap();
        let value = |byte: u8| move |pcr| Some(vec![if pcr == SPENT { 0 } else { byte }; 32]);
        let key = PublicKey::parse(samples::PEM).unwrap();
        let for_values = |byte: u8| {
            let one = Announced { image: Some(key.clone()), ..ahead.announced.clone().unwrap() };
            let values: Vec<_> = one.literal.iter().filter_map(value(byte)).collect();
            let literal = Some((one.literal, ahead.bank, &values[..]));
            Announced { policy: policy::digest(one.signed(None).as_ref(), literal, None, false), ..one }
        };
        let both = Ahead { announced: Some(for_values(1)), kept: Some(for_values(2)), ..ahead.clone() };
        assert_eq!(Ahead::parse(&both.to_json()).unwrap(), both);
        let opens = |one: &Announced, byte: u8| one.is_of(None, both.bank, value(byte));
        let in_boot = |byte: u8| both.announcements().map(|one| opens(one, byte)).collect::<Vec<_>>();
        assert_eq!([in_boot(1), in_boot(2), in_boot(3)], [[true, false], [false, true], [false, false]]);
        assert!(!for_values(1).is_of(None, both.bank, |_| None));
        // The key of the image that announced it counts, and not that of another epoch, which asks.
        let without = Announced { image: None, ..for_values(1) };
        assert!(!without.is_of(None, both.bank, value(1)));
        assert!(without.is_of(Some(&key), both.bank, value(1)));
    }

    #[test]
    fn a_token_whose_parts_do_not_agree_is_refused() {
        let other_policy = "blob of a systemd-tpm2 token is not a data object under the policy of key alone";
        assert_eq!(with(|token| token["key"] = json!("AAAA")), other_policy);
        assert_eq!(with(|token| token["bank"] = json!("sha384")), other_policy);
        assert_eq!(with(|token| token["salt"] = json!("AAAA")), other_policy);
        let bank = "bank of a systemd-tpm2 token is not sha256 or sha384";
        assert_eq!(with(|token| token["bank"] = json!("sha1")), bank);
        let slot = "keyslots of a systemd-tpm2 token is not one key slot";
        assert_eq!(with(|token| token["keyslots"] = json!(["32"])), slot);
        let signature = "signature of a systemd-tpm2 token is not two numbers of 32 bytes";
        assert_eq!(with(|token| token["announced"]["signature"] = json!("AAAA")), signature);
        let pcrs = "pcrs of a systemd-tpm2 token is not PCRs 0 to 23";
        assert_eq!(with(|token| token["announced"]["pcrs"] = json!([24])), pcrs);
        assert_eq!(with(|token| token["announced"]["pcrs"] = json!([])), pcrs);
    }

    #[test]
    fn a_field_that_is_not_known_is_refused() {
        for unknown in
            [with(|token| token["more"] = json!(1)), with(|token| token["announced"]["more"] = json!(1))]
        {
            assert!(unknown.contains("unknown field `more`"), "{unknown}");
        }
        let kind = "not a LUKS2 token: not of the type pattern-ahead";
        assert_eq!(with(|token| token["type"] = json!("systemd-tpm2")), kind);
        let long = Ahead::parse(&" ".repeat(8193)).unwrap_err().to_string();
        assert_eq!(long, "not a LUKS2 token: longer than 8192 bytes");
    }

    #[test]
    fn a_key_comes_back_from_its_file() {
        let ahead = Ahead::parse(TOKEN).unwrap();
        let approver = Approver { auth: [4; 32].into(), key: ahead.sealed };
        assert!(Approver::parse(&approver.to_bytes()) == Some(approver.clone()));
        assert!(Approver::parse(&approver.to_bytes()[..40]).is_none());
        assert!(Approver::parse(b"").is_none());
    }
}

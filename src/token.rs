//! The tokens of a LUKS2 header that say how a key slot is opened: `systemd-tpm2` and `systemd-recovery`.
//!
//! The forms are those of systemd 257 (`tpm2_make_luks2_json` and `tpm2_parse_luks2_json` in its
//! `src/shared/tpm2-util.c`), so that its tools open, list and change our volumes, and we open theirs.
//! A token comes from a disk that anybody may have written: what is not exactly understood is refused.

pub mod ahead;
mod blob;
mod earlier;
mod json;
mod key;
mod pcr;
mod pin;
mod policy;
#[cfg(test)]
pub(crate) mod samples;
mod signature;

use std::fmt;

pub(crate) use blob::Reader;
pub use blob::{Sealed, Srk};
pub use earlier::Earlier;
pub use key::{KeyError, PublicKey};
pub use pcr::{Bank, Exposed, PcrError, Pcrs, protects};
pub use pin::Pin;
pub use policy::{Binding, Counted, Signed, authorized_digest, policy_digest};
pub use signature::{Approval, SignatureError, Signatures, Unsigned};

/// The PCR that nothing but the running system extends (UAPI.7, "system-identity"). All others that have been extended will
/// be again in the next boot.
pub const SPENT: u8 = 15;
/// What systemd-stub measures that does not come with the kernel image: words on the command line, credentials, add-ons
/// (systemd-stub(7), "TPM PCR Notes").
pub const ADDED: u8 = 12;

/// systemd's longest has 24 characters.
const NAME_SHOWN: usize = 40;

/// A SHA-256 digest, as policies and names have it.
pub type Digest = [u8; 32];

/// The type of a token whose secret is good at one count of the TPM alone, see [`Counted`]. Its fields are those of a
/// `systemd-tpm2` token, and those that name the count. systemd has no such policy: it leaves tokens of other types alone.
pub const COUNTED: &str = "pattern-counted";

/// What a `systemd-tpm2` token says, or one of the type [`COUNTED`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Tpm2Token {
    /// The one key slot that the secret opens, 0 to 31.
    pub keyslot: u32,
    /// The key that signs PCR values, and the PCRs.
    pub signed: Option<Signed>,
    /// The PCRs whose values the policy itself names. There are some when nothing is signed.
    pub literal: Option<Pcrs>,
    /// The bank all of them are in.
    pub bank: Bank,
    /// The count at which the secret is good, if that matters.
    pub counted: Option<Counted>,
    /// A PIN that is asked for too.
    pub pin: Option<Pin>,
    /// The policy digest that the TPM must arrive at.
    pub policy: Digest,
    /// The sealed secret.
    pub sealed: Sealed,
    /// The storage root key that it is sealed to.
    pub srk: Srk,
}

/// One token of a header, as far as it concerns us.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Token {
    /// A secret sealed by a TPM, in a way that we can open.
    Tpm2(Box<Tpm2Token>),
    /// Key slots that a recovery key opens.
    Recovery,
    /// Any other type, by its name.
    Other(String),
}

/// Why a token can't be used.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum TokenError {
    /// The text is not JSON, or not an object with a type.
    NotAToken(String),
    /// A field is not there.
    Missing(&'static str),
    /// A field has another form than systemd gives it: the field, and what it should be.
    Malformed(&'static str, &'static str),
    /// An honest token of a kind that we don't open.
    NotSupported(&'static str),
    /// A field that we don't know, by its name on the disk.
    Unknown(String),
}

impl fmt::Display for TokenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotAToken(cause) => write!(f, "not a LUKS2 token: {cause}"),
            Self::Missing(field) => write!(f, "a systemd-tpm2 token without {field}"),
            Self::Malformed(field, form) => {
                write!(f, "{field} of a systemd-tpm2 token is not {form}")
            }
            Self::NotSupported(what) => write!(f, "not supported: {what}"),
            Self::Unknown(name) => write!(f, "not supported: the field {}", shown(name)),
        }
    }
}

impl std::error::Error for TokenError {}

/// A name that anybody may have written, for a message on a terminal.
fn shown(name: &str) -> String {
    name.chars().take(NAME_SHOWN).flat_map(char::escape_default).collect()
}

impl Token {
    /// Reads the JSON text of one token.
    ///
    /// # Errors
    /// When the text is no token, or one for a TPM that we can't open.
    pub fn parse(text: &str) -> Result<Self, TokenError> {
        json::parse(text)
    }
}

impl Tpm2Token {
    /// The policy that a TPM arrives at when the literal PCRs have these values, and the signature is good.
    #[must_use]
    pub fn policy_for(&self, literal: &[Vec<u8>]) -> Digest {
        let literal = self.literal.map(|pcrs| (pcrs, self.bank, literal));
        policy::digest(self.signed.as_ref(), literal, self.counted, self.pin.is_some())
    }

    /// Whether this PCR alone is in the way: the policy asks for it untouched, it no longer is, and the other literal PCRs
    /// are as they must be.
    #[must_use]
    pub fn is_spent(&self, pcr: u8, literal: &[Vec<u8>]) -> bool {
        let mut pcrs = self.literal.into_iter().flat_map(Pcrs::iter);
        let mut values = literal.to_vec();
        let Some(value) = pcrs.position(|one| one == pcr).and_then(|index| values.get_mut(index)) else {
            return false;
        };
        let touched = *value != self.bank.zeros();
        *value = self.bank.zeros();
        touched && self.policy_for(&values) == self.policy
    }

    /// The JSON text that `systemd-cryptenroll` would have written, but for [`COUNTED`].
    #[must_use]
    pub fn to_json(&self) -> String {
        json::tpm2_json(self)
    }
}

#[cfg(test)]
mod tests;

//! Parses and writes the tokens of a LUKS2 header that say how a key slot is opened: `systemd-tpm2`
//! and `systemd-recovery`.
//!
//! The formats are those of systemd 257 (`tpm2_make_luks2_json` and `tpm2_parse_luks2_json` in its
//! `src/shared/tpm2-util.c`), so that its tools can open, list and change our volumes, and we can
//! open theirs. A token comes from a disk that anybody may have written, so everything that is not
//! exactly understood is refused.

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
pub(crate) use pcr::RESETTABLE;
pub use pcr::{Bank, Exposed, PcrError, Pcrs, protects};
pub use pin::Pin;
pub use policy::{Binding, Counted, Signed, authorized_digest, policy_digest};
pub use signature::{Approval, SignatureError, Signatures, Unsigned};

/// The PCR that only the operating system extends (UAPI.7, "system-identity"). Every other PCR that
/// was extended in this boot will also be extended in the next one.
pub const SPENT: u8 = 15;
/// The PCR into which systemd-stub measures what does not come with the kernel image: words on the
/// command line, credentials, add-ons (systemd-stub(7), "TPM PCR Notes").
pub const ADDED: u8 = 12;

/// Characters of a field's name that are shown. systemd's longest name has 24.
const NAME_SHOWN: usize = 40;

/// A SHA-256 digest, as in policies and names.
pub type Digest = [u8; 32];

/// The type of a token whose secret is valid at only one count of the TPM, see [`Counted`]. It has
/// the fields of a `systemd-tpm2` token, and two that name the count. systemd has no such policy,
/// and ignores tokens of other types.
pub const COUNTED: &str = "pattern-counted";

/// The content of a `systemd-tpm2` token, or of one of the type [`COUNTED`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Tpm2Token {
    /// The one key slot that the secret opens, 0 to 31.
    pub keyslot: u32,
    /// The key that signs PCR values, and the PCRs.
    pub signed: Option<Signed>,
    /// The PCRs whose values the policy itself names. At least one if nothing is signed.
    pub literal: Option<Pcrs>,
    /// The bank of all these PCRs.
    pub bank: Bank,
    /// The count at which the secret is valid, if it is counted.
    pub counted: Option<Counted>,
    /// The PIN that the TPM also asks for.
    pub pin: Option<Pin>,
    /// The digest that the policy session must have.
    pub policy: Digest,
    /// The sealed secret.
    pub sealed: Sealed,
    /// The storage root key that the secret is sealed to.
    pub srk: Srk,
}

/// One token of a header.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Token {
    /// A secret sealed by a TPM, in a supported way.
    Tpm2(Box<Tpm2Token>),
    /// Key slots that a recovery key opens.
    Recovery,
    /// Any other type, by its name.
    Other(String),
}

/// Why a token is not usable.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum TokenError {
    /// The text is not JSON, or not an object with a type.
    NotAToken(String),
    /// A field is missing.
    Missing(&'static str),
    /// A field does not have systemd's form: the field, and the expected form.
    Malformed(&'static str, &'static str),
    /// A valid token of a kind that is not supported.
    NotSupported(&'static str),
    /// An unknown field, by its name on the disk.
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

/// Makes a name that anybody may have written safe for a message on a terminal.
fn shown(name: &str) -> String {
    name.chars().take(NAME_SHOWN).flat_map(char::escape_default).collect()
}

impl Token {
    /// Parses the JSON text of one token.
    ///
    /// # Errors
    /// When the text is not a token, or a TPM token that is not supported.
    pub fn parse(text: &str) -> Result<Self, TokenError> {
        json::parse(text)
    }
}

impl Tpm2Token {
    /// Returns the policy that a TPM computes if the literal PCRs have these values and the
    /// signature is valid.
    #[must_use]
    pub fn policy_for(&self, literal: &[Vec<u8>]) -> Digest {
        let literal = self.literal.map(|pcrs| (pcrs, self.bank, literal));
        policy::digest(self.signed.as_ref(), literal, self.counted, self.pin.is_some())
    }

    /// Returns whether only this PCR prevents opening: the policy requires it untouched, it was
    /// extended, and the other literal PCRs have the right values.
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

    /// Returns the JSON text that `systemd-cryptenroll` would write, except for [`COUNTED`].
    #[must_use]
    pub fn to_json(&self) -> String {
        json::tpm2_json(self)
    }
}

#[cfg(test)]
mod tests;

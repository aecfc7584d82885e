//! The tokens of a LUKS2 header that say how a key slot is opened: `systemd-tpm2` and `systemd-recovery`.
//!
//! The forms are those of systemd 257 (`tpm2_make_luks2_json` and `tpm2_parse_luks2_json` in its
//! `src/shared/tpm2-util.c`), so that its tools open, list and change our volumes, and we open theirs.
//! A token comes from a disk that anybody may have written: what is not exactly understood is refused.

mod blob;
mod json;
mod pcr;

use std::fmt;

pub use blob::{Sealed, Srk};
pub use json::recovery_json;
pub use pcr::{Bank, Exposed, PcrError, Pcrs, policy_digest, protects};

/// A SHA-256 digest, as policies and names have it.
pub type Digest = [u8; 32];

/// What a `systemd-tpm2` token says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Tpm2Token {
    /// The one key slot that the secret opens, 0 to 31.
    pub keyslot: u32,
    /// The PCRs whose values the policy names.
    pub pcrs: Pcrs,
    /// The bank they are in.
    pub bank: Bank,
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
        }
    }
}

impl std::error::Error for TokenError {}

impl Token {
    /// Reads the JSON text of one token.
    ///
    /// # Errors
    /// When the text is no token, or a `systemd-tpm2` token that we can't open.
    pub fn parse(text: &str) -> Result<Self, TokenError> {
        json::parse(text)
    }
}

impl Tpm2Token {
    /// The JSON text that `systemd-cryptenroll` would have written.
    #[must_use]
    pub fn to_json(&self) -> String {
        json::tpm2_json(self)
    }
}

#[cfg(test)]
mod tests;

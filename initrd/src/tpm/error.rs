//! TPM errors, and what a person can do about them.

use std::fmt;
use std::path::PathBuf;

use pattern::token::{ADDED, Bank, Exposed, Pcrs, SPENT, TokenError, Unsigned};
use tss_esapi::Error;

/// The result of a TPM operation.
pub type Result<T> = std::result::Result<T, TpmError>;

/// Why the TPM did not do what was asked.
#[derive(Debug)]
pub enum TpmError {
    /// The device does not exist.
    NoTpm(PathBuf),
    /// Too many wrong authorisations, by anyone. The TPM refuses more for a while.
    Lockout,
    /// No storage root key at this handle: the TPM was cleared, or is another one.
    NoKey(u32),
    /// Another storage root key at this handle: the TPM was cleared and set up again, or is another
    /// one.
    OtherKey(u32),
    /// The PCRs have other values than those that the secret is bound to.
    WrongPcr(Pcrs, Bank),
    /// The PCR that had to be untouched was extended.
    Spent(Bank),
    /// Something was added to what the kernel image brings.
    Added(Bank),
    /// The PCRs have other values than those that were announced.
    Unannounced(Pcrs, Bank),
    /// The key was sealed at the first count, and the TPM is at the second, if the counter still
    /// exists.
    Revoked(u64, Option<u64>),
    /// No valid signature matches the PCRs.
    Unsigned(Unsigned),
    /// The token needs a PIN, and none was given.
    NoPin,
    /// The PIN is wrong. The number says how many more wrong ones the TPM accepts.
    WrongPin(Option<u32>),
    /// The TPM has another lockout password than the volume, or the volume has none.
    OtherPassword,
    /// The TPM accepts no lockout password for a while, after a wrong one.
    PasswordPaused,
    /// The TPM's device can't be opened, written or read.
    Unreachable(std::io::Error),
    /// The binding would protect nothing.
    Exposed(Exposed),
    /// What the TPM holds or returned does not fit into a token.
    Token(TokenError),
    /// The TPM did not return this.
    Missing(&'static str),
    /// Any other failure: what was being done, and the TPM's error.
    Failed(&'static str, Error),
}

impl fmt::Display for TpmError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoTpm(path) => write!(f, "no TPM: {} does not exist; turn the TPM on in the firmware's setup", path.display()),
            Self::Lockout => f.write_str("the TPM is locked out after too many wrong tries; leave the machine on, it recovers in minutes to hours"),
            Self::NoKey(handle) => write!(f, "the TPM was cleared, or is another one: it has no storage root key at {handle:#x}"),
            Self::OtherKey(handle) => write!(f, "the TPM was cleared and set up again, or is another one: the storage root key at {handle:#x} has another name than when the volume was made"),
            Self::WrongPcr(pcrs, bank) if *pcrs == Pcrs::one(7) => write!(f, "PCR 7 ({}) changed since the volume was bound to it: Secure Boot was switched, or its keys (db, dbx, KEK, PK) are not the same", bank.name()),
            Self::WrongPcr(pcrs, bank) => write!(f, "PCR {pcrs} ({}) changed since the volume was bound to it: firmware, its settings or what it started are not the same", bank.name()),
            Self::Spent(bank) => write!(f, "PCR {SPENT} ({}) was extended since power-on, and the volume opens only before that; restart the machine", bank.name()),
            Self::Added(bank) => write!(f, "PCR {ADDED} ({}) was extended: something was added to the kernel image from outside, such as words on the command line, a credential or an add-on; restart without it", bank.name()),
            Self::Unannounced(pcrs, bank) => write!(f, "PCR {pcrs} ({}) are not as they were announced", bank.name()),
            Self::Revoked(sealed, Some(now)) if now > sealed => write!(f, "this key was replaced: the TPM has counted to {now}, and the key was valid at {sealed}; the header that holds it is an old copy"),
            Self::Revoked(sealed, Some(now)) => write!(f, "this key is valid at count {sealed} of the TPM, and the TPM has counted to {now}: replacing a key was cut short"),
            Self::Revoked(sealed, None) => write!(f, "this key is valid at count {sealed} of the TPM, and the counter was removed: the TPM was cleared, or somebody with the rights of its owner did it"),
            Self::Unsigned(unsigned) => unsigned.fmt(f),
            Self::NoPin => f.write_str("it asks for a PIN"),
            Self::WrongPin(None) => f.write_str("the PIN is wrong"),
            Self::WrongPin(Some(left)) => write!(f, "the PIN is wrong; after {left} more wrong ones the TPM is locked out for a while"),
            Self::OtherPassword => f.write_str("the TPM has a lockout password that this volume does not have: somebody set it, or it was in a volume that is gone. Anyone who knows it can try PINs without end. To have one of this volume's: clear the TPM in the firmware's setup, enter the recovery key, and run: pattern rebind"),
            Self::PasswordPaused => f.write_str("somebody gave the TPM a wrong lockout password, so the TPM accepts none until it was on for up to a day, and does not forget wrong PINs until then"),
            Self::Unreachable(cause) => write!(f, "reaching the TPM: {cause}"),
            Self::Exposed(exposed) => exposed.fmt(f),
            Self::Token(error) => error.fmt(f),
            Self::Missing(what) => write!(f, "the TPM did not answer with {what}"),
            Self::Failed(doing, cause) => write!(f, "{doing}: {cause}"),
        }
    }
}

impl std::error::Error for TpmError {}

impl From<Exposed> for TpmError {
    fn from(exposed: Exposed) -> Self {
        Self::Exposed(exposed)
    }
}

/// Adds what was being done to the TPM's error.
pub(super) fn doing(what: &'static str) -> impl Fn(Error) -> TpmError {
    move |error| match outcome(&error) {
        Outcome::Lockout => TpmError::Lockout,
        _ => TpmError::Failed(what, error),
    }
}

/// The answers that the code distinguishes.
#[derive(PartialEq, Eq)]
pub(super) enum Outcome {
    /// Nothing is at the handle.
    NoObject,
    /// Something is already at the handle.
    Defined,
    /// A PCR was extended while a policy was being checked.
    PcrChanged,
    /// The PIN is wrong, or the object has another name than the session was told.
    WrongAuth,
    /// An NV index with other attributes than ours, or one that was never written.
    OtherIndex,
    /// The signature is not by the key.
    BadSignature,
    /// What a session went through is not what was approved. Other causes have the same code.
    WrongValue,
    Lockout,
    Other,
}

/// Classifies an answer by its code (TPM 2.0 Library, Part 2, "TPM_RC").
pub(super) fn outcome(error: &Error) -> Outcome {
    let Error::TssError(code) = error else { return Outcome::Other };
    let code = u32::from(*code);
    // The upper half names the layer: 0 is the TPM itself, 11 and 12 a resource manager that passes
    // its answers on.
    if !matches!(code >> 16, 0 | 11 | 12) {
        return Outcome::Other;
    }
    match code & 0xffff {
        0x921 => Outcome::Lockout,
        0x128 => Outcome::PcrChanged,
        0x14c => Outcome::Defined,
        0x910 => Outcome::NoObject,
        // TPM_RC_NV_RANGE, NV_SIZE, NV_LOCKED, NV_AUTHORIZATION, NV_UNINITIALIZED
        0x146..=0x14a => Outcome::OtherIndex,
        // For these codes, bits 8 to 11 and bit 6 only say which handle, session or parameter was
        // meant.
        one => match one & 0xbf {
            0x8b => Outcome::NoObject,
            0x8e | 0xa2 => Outcome::WrongAuth,
            0x9b => Outcome::BadSignature,
            0x84 => Outcome::WrongValue,
            _ => Outcome::Other,
        },
    }
}

//! TPM errors, and what a person can do about them.

mod outcome;

use std::fmt;
use std::path::PathBuf;

use pattern::token::{ADDED, Bank, Exposed, Pcrs, SPENT, Unsigned};
use tss_esapi::Error;

pub(super) use outcome::{Outcome, outcome};

/// The way around a TPM that does not work.
const WITHOUT: &str =
    "a TPM that is broken can be turned off in the firmware's setup, and the recovery key entered";

/// The result of a TPM operation.
pub type Result<T> = std::result::Result<T, TpmError>;

/// Why the TPM did not do what was asked.
#[derive(Debug)]
pub enum TpmError {
    /// The device does not exist.
    NoTpm(PathBuf),
    /// The TPM is of version 1.2, which has no policies.
    Old,
    /// This was not done, because the TPM does not answer.
    Silent(&'static str, Error),
    /// This was not done, because the TPM was busy for minutes.
    Busy(&'static str),
    /// This was not done, because the TPM was reset, and nobody started it up.
    Reset(&'static str),
    /// This was not done, because the TPM found a fault in itself.
    Broken(&'static str),
    /// This was not done, because the TPM has no memory left.
    Full(&'static str),
    /// This was not done, because other programs left objects or sessions loaded.
    Crowded(&'static str),
    /// The firmware or the operating system turned the owner's keys and records off.
    Disabled,
    /// This needs the password of the TPM's owner.
    OwnerPassword(&'static str),
    /// The storage root key at this handle has a password.
    KeyPassword(u32),
    /// Somebody put a key at this handle that nothing can be sealed to.
    ForeignKey(u32, &'static str),
    /// The TPM has no elliptic curves.
    NoCurves,
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
    /// The image is signed, but not for the bank that is used.
    OtherBank { signed: Bank, used: Bank },
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
    /// Nothing that started this boot was measured in this bank.
    Dead(Bank),
    /// The binding would protect nothing.
    Exposed(Exposed),
    /// The TPM did not return this.
    Missing(&'static str),
    /// Any other failure of what every boot needs.
    Refused(&'static str, Error),
    /// Any other failure: what was being done, and the TPM's error.
    Failed(&'static str, Error),
}

impl fmt::Display for TpmError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoTpm(path) => write!(f, "no TPM: {} does not exist; turn the TPM on in the firmware's setup", path.display()),
            Self::Old => f.write_str("this machine has a TPM 1.2, and the volume's key can only be sealed to a TPM 2.0; some firmware can change the TPM to 2.0, and many machines have a second one in the firmware (PTT, fTPM)"),
            Self::Silent(doing, cause) => write!(f, "{doing}: the TPM does not answer ({cause}); switch the machine off and on; {WITHOUT}"),
            Self::Busy(doing) => write!(f, "{doing}: the TPM was busy for two minutes, as one that protects its memory from wear; leave the machine on for an hour, then restart it"),
            Self::Reset(doing) => write!(f, "{doing}: the TPM was reset in the middle of this boot, so it does not know any more what was started; restart the machine"),
            Self::Broken(doing) => write!(f, "{doing}: the TPM found a fault in itself (failure mode); switch the machine off and on; {WITHOUT}"),
            Self::Full(doing) => write!(f, "{doing}: the TPM has no memory left; remove what is not needed any more (tpm2_getcap handles-nv-index, tpm2_getcap handles-persistent), or clear the TPM in the firmware's setup: that also removes the keys of other systems"),
            Self::Crowded(doing) => write!(f, "{doing}: the TPM's working memory is full of what other programs left in it; restart the machine"),
            Self::Disabled => f.write_str("the TPM's storage hierarchy is disabled, so it has neither keys nor records in this boot; turn it on in the firmware's setup, or restart the machine if a program did this"),
            Self::OwnerPassword(doing) => write!(f, "{doing}: the TPM's owner hierarchy has a password, and nobody is asked for it here; remove it (tpm2_changeauth -c owner -p PASSWORD), or clear the TPM in the firmware's setup"),
            Self::KeyPassword(handle) => write!(f, "the storage root key at {handle:#x} has a password, so nothing can be sealed to it; remove the key (tpm2_evictcontrol -C o -c {handle:#x}), or clear the TPM in the firmware's setup: either ends what other systems sealed to it"),
            Self::ForeignKey(handle, flaw) => write!(f, "somebody put a key at {handle:#x}, the place of the storage root key, that nothing can be sealed to: it is not {flaw}; remove it (tpm2_evictcontrol -C o -c {handle:#x}), or clear the TPM in the firmware's setup: either ends what other systems sealed to it"),
            Self::NoCurves => f.write_str("the TPM has no elliptic curves, so a change of firmware keys can't be announced: after one, the recovery key is needed"),
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
            Self::OtherBank { signed, used } => write!(f, "this image is signed for the {} bank of PCRs alone, and this machine measures in the {} bank; turn the {} bank on in the firmware's setup, or sign the image for both", signed.name(), used.name(), signed.name()),
            Self::Unsigned(unsigned) => unsigned.fmt(f),
            Self::NoPin => f.write_str("it asks for a PIN"),
            Self::WrongPin(None) => f.write_str("the PIN is wrong"),
            Self::WrongPin(Some(left)) => write!(f, "the PIN is wrong; after {left} more wrong ones the TPM is locked out for a while"),
            Self::OtherPassword => f.write_str("the TPM has a lockout password that this volume does not have: somebody set it, or it was in a volume that is gone. Anyone who knows it can try PINs without end. To have one of this volume's: clear the TPM in the firmware's setup, enter the recovery key, and run: pattern rebind"),
            Self::PasswordPaused => f.write_str("somebody gave the TPM a wrong lockout password, so the TPM accepts none until it was on for up to a day, and does not forget wrong PINs until then"),
            Self::Unreachable(cause) => write!(f, "reaching the TPM: {cause}"),
            Self::Dead(bank) => write!(f, "nothing that started this boot was measured in the {} bank of PCRs, so nothing can be bound to it; turn another bank on in the firmware's setup, or update the firmware", bank.name()),
            Self::Exposed(exposed) => exposed.fmt(f),
            Self::Missing(what) => write!(f, "the TPM did not answer with {what}"),
            Self::Refused(doing, cause) => write!(f, "{doing}: {cause}; {WITHOUT}"),
            Self::Failed(doing, cause) => write!(f, "{doing}: {cause}"),
        }
    }
}

impl TpmError {
    /// Returns whether the TPM did not work, and may work after a restart of the machine.
    pub(super) fn is_fault(&self) -> bool {
        matches!(
            self,
            Self::Silent(..)
                | Self::Unreachable(_)
                | Self::Busy(_)
                | Self::Reset(_)
                | Self::Broken(_)
                | Self::Crowded(_)
        )
    }

    /// Adds the way around the TPM to a failure that nothing is known of. No boot goes on after it.
    pub(super) fn or_without_tpm(self) -> Self {
        match self {
            Self::Failed(doing, cause) => Self::Refused(doing, cause),
            known => known,
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
        Outcome::Busy => TpmError::Busy(what),
        Outcome::Silent => TpmError::Silent(what, error),
        Outcome::Reset => TpmError::Reset(what),
        Outcome::Broken => TpmError::Broken(what),
        Outcome::Full => TpmError::Full(what),
        Outcome::Crowded => TpmError::Crowded(what),
        Outcome::Disabled => TpmError::Disabled,
        _ => TpmError::Failed(what, error),
    }
}

/// Does the same for what only the owner of the TPM may do.
pub(super) fn as_owner(what: &'static str) -> impl Fn(Error) -> TpmError {
    move |error| match outcome(&error) {
        Outcome::WrongAuth => TpmError::OwnerPassword(what),
        _ => doing(what)(error),
    }
}

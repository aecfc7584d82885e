//! Classifies the TPM's answers.

use tss_esapi::Error;

/// The answers that the code distinguishes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Outcome {
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
    /// The TPM did nothing, and may do it later.
    Busy,
    /// No answer came.
    Silent,
    /// The TPM was reset, and not started up.
    Reset,
    /// The TPM is in failure mode.
    Broken,
    /// All memory for records is used.
    Full,
    /// Other programs left objects or sessions loaded.
    Crowded,
    /// The TPM does not have this kind of key.
    NoAlgorithm,
    /// A hierarchy is disabled.
    Disabled,
    Other,
}

/// Classifies an answer by its code (TPM 2.0 Library, Part 2, "TPM_RC").
pub(crate) fn outcome(error: &Error) -> Outcome {
    let Error::TssError(code) = error else { return Outcome::Other };
    let code = u32::from(*code);
    // The upper half names the layer: 0 is the TPM itself, 10 the way to it, 11 and 12 a resource
    // manager that passes its answers on.
    match code >> 16 {
        // TSS2_ESYS_RC_BAD_SEQUENCE: the command before had no answer.
        _ if code == 0x0007_0007 => Outcome::Silent,
        0 | 11 | 12 => of_the_tpm(code & 0xffff),
        10 => Outcome::Silent,
        _ => Outcome::Other,
    }
}

fn of_the_tpm(code: u32) -> Outcome {
    match code {
        0x921 => Outcome::Lockout,
        // TPM_RC_YIELDED, TESTING, NV_RATE, RETRY, NV_UNAVAILABLE
        0x908 | 0x90a | 0x920 | 0x922 | 0x923 => Outcome::Busy,
        0x100 => Outcome::Reset,
        0x101 => Outcome::Broken,
        // TPM_RC_NV_SPACE
        0x14b => Outcome::Full,
        // TPM_RC_OBJECT_MEMORY, SESSION_MEMORY, MEMORY, SESSION_HANDLES, OBJECT_HANDLES
        0x902..=0x906 => Outcome::Crowded,
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
            // TPM_RC_ASYMMETRIC, TYPE, CURVE
            0x81 | 0x8a | 0xa6 => Outcome::NoAlgorithm,
            0x85 => Outcome::Disabled,
            _ => Outcome::Other,
        },
    }
}

//! PCRs, their banks, and which of them protect something.

use std::fmt;
use std::ops::BitOr;

/// PCRs that any program may reset (PC Client Platform TPM Profile, "PCR Attributes").
pub(crate) const RESETTABLE: [u8; 2] = [16, 23];

/// A bank of PCRs that secrets are bound to. SHA-1 is left out, because collisions can be made.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Bank {
    /// SHA-256.
    Sha256,
    /// SHA-384.
    Sha384,
}

impl Bank {
    /// Returns the name in tokens and under `/sys/class/tpm/tpm0/pcr-*`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Sha256 => "sha256",
            Self::Sha384 => "sha384",
        }
    }

    /// Returns the value of a PCR that nothing was measured into, except for 17 to 22.
    #[must_use]
    pub fn zeros(self) -> Vec<u8> {
        match self {
            Self::Sha256 => vec![0; 32],
            Self::Sha384 => vec![0; 48],
        }
    }

    /// Returns the `TPM_ALG_ID` of the bank.
    pub(super) fn algorithm(self) -> u16 {
        match self {
            Self::Sha256 => 0x000b,
            Self::Sha384 => 0x000c,
        }
    }
}

/// A set of at least one PCR, 0 to 23.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Pcrs(u32);

/// Why numbers are not a set of PCRs to bind to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PcrError {
    /// There is no number. A policy over no PCR opens everywhere.
    None,
    /// The number is too high. A TPM has PCRs 0 to 23.
    OutOfRange(u64),
}

impl fmt::Display for PcrError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("a policy over no PCR protects nothing"),
            Self::OutOfRange(pcr) => write!(f, "there is no PCR {pcr}, a TPM has 0 to 23"),
        }
    }
}

impl std::error::Error for PcrError {}

impl Pcrs {
    /// Makes a set of these numbers.
    ///
    /// # Errors
    /// When there is no number, or one above 23.
    pub fn new(numbers: impl IntoIterator<Item = u64>) -> Result<Self, PcrError> {
        let mut mask = 0;
        for number in numbers {
            if number > 23 {
                return Err(PcrError::OutOfRange(number));
            }
            mask |= 1 << number;
        }
        if mask == 0 { Err(PcrError::None) } else { Ok(Self(mask)) }
    }

    /// Makes a set of one number, which must be a constant of this program.
    #[must_use]
    pub const fn one(number: u8) -> Self {
        assert!(number <= 23);
        Self(1 << number)
    }

    /// Returns the numbers, lowest first.
    pub fn iter(self) -> impl Iterator<Item = u8> {
        (0..24).filter(move |pcr| self.0 >> pcr & 1 == 1)
    }

    /// Returns the selection in the three bytes that a TPM expects: PCR 0 is the lowest bit of the
    /// first.
    #[must_use]
    pub fn select(self) -> [u8; 3] {
        let [a, b, c, _] = self.0.to_le_bytes();
        [a, b, c]
    }
}

impl BitOr for Pcrs {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl fmt::Display for Pcrs {
    /// Prints the set in the form of `systemd-cryptenroll --tpm2-pcrs=`, such as `7+11`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, pcr) in self.iter().enumerate() {
            let plus = if index == 0 { "" } else { "+" };
            write!(f, "{plus}{pcr}")?;
        }
        Ok(())
    }
}

/// Why a binding to these PCRs would protect nothing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Exposed {
    /// It binds to no PCR, or only to PCRs that must be untouched.
    Nothing,
    /// The TPM returned no value for a PCR, so it does not have the bank.
    NoBank(Bank),
    /// Nothing was ever measured into any of them.
    Untouched(Pcrs, Bank),
    /// Nothing was ever measured into any of those that a signature covers.
    Unmeasured(Pcrs, Bank),
    /// Any program can reset each of them.
    Resettable(Pcrs),
}

impl fmt::Display for Exposed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nothing => f.write_str("a policy over no measured PCR protects nothing"),
            Self::NoBank(bank) => {
                write!(f, "the TPM has no {} bank of PCRs; turn it on in the firmware's setup", bank.name())
            }
            Self::Untouched(pcrs, bank) => write!(
                f,
                "nothing was measured into PCR {pcrs} ({}), so a policy over it protects nothing; \
                 choose others with volume.pcrs",
                bank.name()
            ),
            Self::Unmeasured(pcrs, bank) => write!(
                f,
                "nothing was measured into PCR {pcrs} ({}), so a signature for it protects nothing; \
                 what starts the kernel must be systemd-stub, and must find this bank",
                bank.name()
            ),
            Self::Resettable(pcrs) => write!(
                f,
                "any program can reset PCR {pcrs}, so a policy over it protects nothing; choose others with volume.pcrs"
            ),
        }
    }
}

impl std::error::Error for Exposed {}

impl Exposed {
    /// Returns the error for PCRs whose values a signature covers.
    pub(super) fn of_signed(self) -> Self {
        match self {
            Self::Untouched(pcrs, bank) => Self::Unmeasured(pcrs, bank),
            other => other,
        }
    }
}

/// Checks that a policy over these values (one for each PCR, lowest first) would protect something.
///
/// # Errors
/// When it would not.
pub fn protects(pcrs: Pcrs, bank: Bank, values: &[Vec<u8>]) -> Result<(), Exposed> {
    if values.len() != pcrs.iter().count() || values.iter().any(Vec::is_empty) {
        return Err(Exposed::NoBank(bank));
    }
    if pcrs.iter().all(|pcr| RESETTABLE.contains(&pcr)) {
        return Err(Exposed::Resettable(pcrs));
    }
    if values.iter().all(|value| untouched(value)) {
        return Err(Exposed::Untouched(pcrs, bank));
    }
    Ok(())
}

/// Returns whether a value is a start value: all zeros, or all ones for the PCRs of the dynamic
/// root of trust (17 to 22).
fn untouched(value: &[u8]) -> bool {
    value.iter().all(|byte| *byte == 0) || value.iter().all(|byte| *byte == 0xff)
}

//! Reads the TPM's registers, as the kernel shows them (Linux,
//! `Documentation/ABI/testing/sysfs-class-tpm`).

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, bail};
use pattern::hex;
use pattern::token::Bank;
use pattern::tpm::measure::Hash;

/// The kernel's view of the TPM, with a directory for each bank.
const TPM: &str = "/sys/class/tpm/tpm0";

/// Returns the banks that the TPM has.
///
/// # Errors
/// When the kernel shows none.
pub fn banks() -> Result<Vec<Hash>> {
    let there = |bank: &Hash| Path::new(TPM).join(format!("pcr-{}", bank.name())).exists();
    let banks: Vec<_> = Hash::ALL.into_iter().filter(there).collect();
    if banks.is_empty() {
        bail!("the kernel shows no PCRs in {TPM}");
    }
    Ok(banks)
}

/// Returns whether something was measured into a PCR in this boot, in any bank.
///
/// # Errors
/// When the register can't be read.
pub fn was_extended(pcr: u8) -> Result<bool> {
    for bank in banks()? {
        if !is_zero(bank, pcr)? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Returns whether a PCR is zero in one bank.
///
/// # Errors
/// When the register can't be read.
pub fn is_zero(bank: Hash, pcr: u8) -> Result<bool> {
    let path = Path::new(TPM).join(format!("pcr-{}/{pcr}", bank.name()));
    let digits = fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
    Ok(digits.trim().bytes().all(|digit| digit == b'0'))
}

/// Returns whether the kernel shows a bank. Its registers are not read: each would be a command.
#[must_use]
pub fn has(bank: Bank) -> bool {
    Path::new(TPM).join(format!("pcr-{}", bank.name())).exists()
}

/// Returns the value of a PCR, if the kernel shows one. The kernel shows it in hexadecimal digits.
pub fn value(bank: Bank, pcr: u8) -> Option<Vec<u8>> {
    let path = Path::new(TPM).join(format!("pcr-{}/{pcr}", bank.name()));
    let text = fs::read_to_string(path).ok()?;
    hex::decode(text.trim())
}

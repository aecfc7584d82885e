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
const BANK: &str = "pcr-";

/// Returns the banks that the TPM has. Banks of other algorithms are left out.
///
/// # Errors
/// When the kernel shows none.
pub fn banks() -> Result<Vec<Hash>> {
    banks_in(Path::new(TPM))
}

fn banks_in(tpm: &Path) -> Result<Vec<Hash>> {
    let there = |bank: &Hash| tpm.join(format!("{BANK}{}", bank.name())).exists();
    let banks: Vec<_> = Hash::ALL.into_iter().filter(there).collect();
    if !banks.is_empty() {
        return Ok(banks);
    }
    let names = fs::read_dir(tpm).into_iter().flatten().flatten();
    let names = names.map(|entry| entry.file_name().to_string_lossy().into_owned());
    let mut others: Vec<String> =
        names.filter_map(|name| name.strip_prefix(BANK).map(str::to_owned)).collect();
    others.sort();
    if others.is_empty() {
        bail!(
            "the kernel shows no PCRs in {}; turn the SHA-256 bank on in the firmware's setup",
            tpm.display()
        );
    }
    bail!(
        "the TPM's only banks of PCRs are {}, which pattern does not use; turn the SHA-256 bank on in the firmware's setup",
        others.join(" and ")
    );
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
/// When the register can't be read. A TPM that was reset, and not started up, shows no value.
pub fn is_zero(bank: Hash, pcr: u8) -> Result<bool> {
    is_zero_in(Path::new(TPM), bank, pcr)
}

fn is_zero_in(tpm: &Path, bank: Hash, pcr: u8) -> Result<bool> {
    let path = tpm.join(format!("{BANK}{}/{pcr}", bank.name()));
    let text = fs::read(&path).with_context(|| {
        format!(
            "reading {} (switch the machine off and on; a TPM that is broken can be turned off in the firmware's setup, and the \
             recovery key entered)",
            path.display()
        )
    })?;
    let value = hex::decode(String::from_utf8_lossy(&text).trim()).filter(|value| !value.is_empty());
    match value {
        Some(value) => Ok(value.iter().all(|byte| *byte == 0)),
        None => bail!("the TPM gives no value of PCR {pcr} ({}); restart the machine", bank.name()),
    }
}

/// Returns the value of a PCR, if the kernel shows one. The kernel shows it in hexadecimal digits.
pub fn value(bank: Bank, pcr: u8) -> Option<Vec<u8>> {
    let path = Path::new(TPM).join(format!("{BANK}{}/{pcr}", bank.name()));
    let text = fs::read_to_string(path).ok()?;
    hex::decode(text.trim())
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    /// A folder like the kernel's, with these registers and contents.
    fn tpm(name: &str, files: &[(&str, &[u8])]) -> PathBuf {
        let root = std::env::temp_dir().join(format!("pattern-registers-{name}-{}", std::process::id()));
        fs::create_dir_all(&root).unwrap();
        for (path, content) in files {
            fs::create_dir_all(root.join(path).parent().unwrap()).unwrap();
            fs::write(root.join(path), content).unwrap();
        }
        root
    }

    #[test]
    fn banks_of_other_algorithms_are_left_out() {
        let root = tpm("banks", &[("pcr-sm3-256/0", b""), ("pcr-sha384/0", b""), ("caps", b"")]);
        assert_eq!(banks_in(&root).unwrap(), [Hash::Sha384]);
        fs::remove_dir_all(root).unwrap();
    }

    #[test]
    fn a_tpm_with_no_other_banks_is_told_what_to_do() {
        let root = tpm("other", &[("pcr-sm3-256/0", b"")]);
        let error = banks_in(&root).unwrap_err().to_string();
        let words =
            "the TPM's only banks of PCRs are sm3-256, which pattern does not use; turn the SHA-256 bank on";
        assert!(error.starts_with(words), "{error}");
        fs::remove_dir_all(root.join("pcr-sm3-256")).unwrap();
        let error = banks_in(&root).unwrap_err().to_string();
        assert!(error.starts_with("the kernel shows no PCRs in "), "{error}");
        fs::remove_dir_all(root).unwrap();
    }

    /// What the kernel shows for an answer that is an error: nothing, or as many zero bytes as the
    /// code of the error says.
    #[test]
    fn a_register_without_a_value_is_neither_zero_nor_extended() {
        let zeros = "00".repeat(32);
        let files: [(&str, &[u8]); 4] = [
            ("pcr-sha256/0", zeros.as_bytes()),
            ("pcr-sha256/1", b"00000001\n"),
            ("pcr-sha256/2", b""),
            ("pcr-sha256/3", &[0; 256]),
        ];
        let root = tpm("values", &files);
        let zero = |pcr| is_zero_in(&root, Hash::Sha256, pcr).map_err(|error| error.to_string());
        assert_eq!((zero(0), zero(1)), (Ok(true), Ok(false)));
        let missing = zero(4).unwrap_err();
        assert!(
            missing.contains("pcr-sha256/4 (switch the machine off and on; a TPM that is broken can"),
            "{missing}"
        );
        for pcr in [2, 3] {
            let words = format!("the TPM gives no value of PCR {pcr} (sha256); restart the machine");
            assert_eq!(zero(pcr), Err(words));
        }
        fs::remove_dir_all(root).unwrap();
    }
}

//! Reads the firmware's event log, its variables, and the register that they were measured into.

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use anyhow::{Context as _, Result, bail};
use pattern::firmware::{Log, PCR, Variable, boot_manager_name};
use pattern::token::Bank;

const LOG: &str = "/sys/kernel/security/tpm0/binary_bios_measurements";
/// The kernel's copy of the firmware's SMBIOS table. Only root can read it.
pub const SMBIOS: &str = "/sys/firmware/dmi/tables/DMI";
const EFIVARS: &str = "/sys/firmware/efi/efivars";
/// Bytes of attributes that efivarfs puts before the content.
const ATTRIBUTES: usize = 4;

/// Returns the log of this boot.
///
/// # Errors
/// When the kernel has no log, or it is not valid.
pub fn log() -> Result<Log> {
    let bytes = fs::read(LOG).with_context(|| format!("reading the firmware's event log {LOG}"))?;
    Ok(Log::parse(&bytes)?)
}

/// Returns PCR 7 of this boot.
///
/// # Errors
/// When the kernel does not show it.
pub fn value(bank: Bank) -> Result<Vec<u8>> {
    let value = crate::registers::value(bank, PCR);
    value.with_context(|| format!("the kernel does not show PCR {PCR} ({})", bank.name()))
}

/// Returns what the variables hold now, which the next boot measures. A variable that does not
/// exist is empty.
///
/// # Errors
/// When there are no EFI variables, or one can't be read.
pub fn contents() -> Result<BTreeMap<Variable, Vec<u8>>> {
    contents_in(Path::new(EFIVARS))
}

fn contents_in(folder: &Path) -> Result<BTreeMap<Variable, Vec<u8>>> {
    // Without efivarfs the folder exists and is empty.
    if !fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_some()) {
        bail!("there are no EFI variables in {}", folder.display());
    }
    Variable::ALL.into_iter().map(|variable| Ok((variable, content(folder, variable)?))).collect()
}

/// Returns what the variables of the firmware's boot manager hold, by their names.
///
/// # Errors
/// When there are no EFI variables, or one can't be read.
pub fn boot_manager() -> Result<BTreeMap<String, Vec<u8>>> {
    let reading = || format!("reading {EFIVARS}");
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(EFIVARS).with_context(reading)? {
        let entry = entry.with_context(reading)?;
        let file = entry.file_name().to_string_lossy().into_owned();
        if let Some(name) = boot_manager_name(&file) {
            let bytes =
                fs::read(entry.path()).with_context(|| format!("reading {}", entry.path().display()))?;
            found.insert(name.to_owned(), bytes.get(ATTRIBUTES..).unwrap_or_default().to_vec());
        }
    }
    Ok(found)
}

fn content(folder: &Path, variable: Variable) -> Result<Vec<u8>> {
    let path = folder.join(variable.file());
    match fs::read(&path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(Vec::new()),
        bytes => {
            let bytes = bytes.with_context(|| format!("reading {}", path.display()))?;
            Ok(bytes.get(ATTRIBUTES..).unwrap_or_default().to_vec())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_variable_is_read_without_its_attributes_and_one_that_is_not_there_is_empty() {
        let folder = std::env::temp_dir().join(format!("pattern-firmware-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let none = contents_in(&folder).unwrap_err().to_string();
        assert_eq!(none, format!("there are no EFI variables in {}", folder.display()));
        let file = folder.join("db-d719b2cb-3d3a-4596-a3bc-dad00e67656f");
        fs::write(file, [0x27, 0, 0, 0, 7, 8]).unwrap();
        let contents = contents_in(&folder).unwrap();
        assert_eq!(contents[&Variable::Db], [7, 8]);
        assert!(contents[&Variable::Dbx].is_empty());
        fs::remove_dir_all(folder).unwrap();
    }
}

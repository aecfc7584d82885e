//! Reads and writes one EFI variable, through efivarfs (`Documentation/filesystems/efivarfs.rst` of
//! Linux).

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::path::PathBuf;

use anyhow::{Context as _, Result, bail};

use crate::ioctl;

/// Our own vendor GUID: nobody else has variables under it.
const OURS: &str = "bc013fff-80ce-4c3e-8c45-a26e4e66302d";
/// That of the boot loader's variables (UAPI "Boot Loader Interface").
const LOADER: &str = "4a67b082-0a4c-41cf-b6c7-440b29bb8c4f";
const DIRECTORY: &str = "/sys/firmware/efi/efivars";
/// Attributes: non-volatile, accessible to boot services and to the running system (UEFI
/// Specification, "GetVariable"), little-endian.
const ATTRIBUTES: [u8; 4] = [7, 0, 0, 0];

/// One of our variables, or of the boot loader's.
pub struct Variable {
    directory: PathBuf,
    name: &'static str,
    vendor: &'static str,
}

impl Variable {
    /// Returns our variable of this name. Reads nothing.
    #[must_use]
    pub fn new(name: &'static str) -> Self {
        Self { directory: PathBuf::from(DIRECTORY), name, vendor: OURS }
    }

    /// Returns the boot loader's variable of this name. Reads nothing.
    #[must_use]
    pub fn of_loader(name: &'static str) -> Self {
        Self { vendor: LOADER, ..Self::new(name) }
    }

    /// Uses a plain directory in place of efivarfs, for tests.
    #[must_use]
    pub fn below(directory: PathBuf) -> Self {
        Self { directory, name: "PatternTest", vendor: OURS }
    }

    fn path(&self) -> PathBuf {
        self.directory.join(format!("{}-{}", self.name, self.vendor))
    }

    /// Returns the value, without the attributes, or `None` if the variable does not exist.
    ///
    /// # Errors
    /// When there are no EFI variables, or this one can't be read.
    pub fn read(&self) -> Result<Option<Vec<u8>>> {
        // Without efivarfs the directory exists and is empty. A mounted efivarfs is never empty.
        let mounted = fs::read_dir(&self.directory).is_ok_and(|mut entries| entries.next().is_some());
        if !mounted {
            bail!("there are no EFI variables in {}", self.directory.display());
        }
        match fs::read(self.path()) {
            Ok(bytes) => Ok(Some(bytes.get(ATTRIBUTES.len()..).unwrap_or_default().to_vec())),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error).with_context(|| format!("reading {}", self.path().display())),
        }
    }

    /// Sets the value.
    ///
    /// # Errors
    /// When the firmware refuses.
    pub fn write(&self, value: &[u8]) -> Result<()> {
        let doing = || format!("writing {}", self.path().display());
        self.make_mutable().with_context(doing)?;
        let file = OpenOptions::new().write(true).create(true).truncate(false).open(self.path());
        // One write: efivarfs takes each write for a whole variable.
        file.and_then(|mut file| file.write_all(&[&ATTRIBUTES, value].concat())).with_context(doing)
    }

    /// Removes the variable. Succeeds if it does not exist.
    ///
    /// # Errors
    /// When the firmware refuses.
    pub fn remove(&self) -> Result<()> {
        let doing = || format!("removing {}", self.path().display());
        self.make_mutable().with_context(doing)?;
        match fs::remove_file(self.path()) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(error).with_context(doing),
            _ => Ok(()),
        }
    }

    /// Clears the immutable flag. efivarfs sets it, so that `rm -r` does not break a machine.
    fn make_mutable(&self) -> Result<()> {
        match File::open(self.path()) {
            Ok(file) => Ok(ioctl::set_immutable(&file, false)?),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_kept_until_it_is_removed() {
        let directory = std::env::temp_dir().join(format!("pattern-efivars-{}", std::process::id()));
        fs::create_dir_all(&directory).unwrap();
        let variable = Variable::below(directory.clone());
        let none = variable.read().unwrap_err().to_string();
        assert_eq!(none, format!("there are no EFI variables in {}", directory.display()));
        fs::write(directory.join("BootOrder"), "").unwrap();
        assert_eq!(variable.read().unwrap(), None);
        variable.write(&[1; 32]).unwrap();
        variable.write(&[2; 32]).unwrap();
        assert_eq!(variable.read().unwrap().unwrap(), [2; 32]);
        variable.remove().unwrap();
        variable.remove().unwrap();
        assert_eq!(variable.read().unwrap(), None);
        fs::remove_dir_all(directory).unwrap();
    }
}

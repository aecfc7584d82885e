//! A virtual machine that is off: the folder with its disk, its UEFI variables and its TPM's state.

pub mod console;
pub mod credential;
mod fault;
pub mod growth;
pub mod image;
mod kept;
pub mod place;
pub mod programs;
pub mod qemu;
pub mod swtpm;
pub mod vm;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, anyhow, bail};
use pattern::table::Amount;

use crate::host::{file, full, tools};
use programs::Programs;
use qemu::{Boot, Options};

/// Everything that the guest printed on its serial console.
pub const CONSOLE_LOG: &str = "console.log";

/// A machine's folder. Missing parts are made, and existing parts are kept.
#[derive(Clone, Debug)]
pub struct Machine {
    folder: PathBuf,
}

impl Machine {
    /// Makes a machine whose disk is a copy of `image` and whose UEFI variables are a copy of
    /// `variables`, or finds an existing one.
    ///
    /// # Errors
    /// When the image can't be copied. A partial copy is not used as a disk later.
    pub fn new(folder: &Path, image: &Path, variables: &Path) -> Result<Self> {
        fs::create_dir_all(folder).with_context(|| format!("creating {}", folder.display()))?;
        let machine = Self::at(folder)?;
        copy_once(image, &machine.disk())?;
        copy_once(variables, &machine.variables())?;
        Ok(machine)
    }

    /// Finds an existing machine. If its UEFI variables are missing, they are a copy of `variables`.
    ///
    /// # Errors
    /// When there is no folder, or they can't be copied.
    pub(crate) fn open(folder: &Path, variables: &Path) -> Result<Self> {
        let machine = Self::at(folder)?;
        copy_once(variables, &machine.variables())?;
        Ok(machine)
    }

    fn at(folder: &Path) -> Result<Self> {
        let folder = folder.canonicalize().with_context(|| format!("finding {}", folder.display()))?;
        if folder.to_str().is_none() {
            bail!("using {}: its name is not UTF-8, and QEMU wants that", folder.display());
        }
        Ok(Self { folder })
    }

    /// Returns the folder.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Returns whether this machine has run before.
    #[must_use]
    pub fn has_run(&self) -> bool {
        self.tpm_state().exists()
    }

    /// Returns the raw disk image.
    #[must_use]
    pub fn disk(&self) -> PathBuf {
        self.folder.join(kept::DISK)
    }

    /// Returns the UEFI variables.
    #[must_use]
    pub fn variables(&self) -> PathBuf {
        self.folder.join(kept::VARIABLES)
    }

    /// Returns the TPM's state. If it is removed, the next boot has a new TPM.
    #[must_use]
    pub fn tpm_state(&self) -> PathBuf {
        self.folder.join(kept::TPM)
    }

    /// Enlarges the disk to this many bytes, with a hole in the file.
    ///
    /// # Errors
    /// When the disk is already larger, or can't be resized.
    pub fn enlarge(&self, bytes: u64) -> Result<()> {
        let disk = self.disk();
        let resizing = || format!("resizing {}", disk.display());
        file::refuse_other(&disk).with_context(resizing)?;
        let file = fs::OpenOptions::new().write(true).open(&disk).with_context(resizing)?;
        let size = file.metadata().with_context(resizing)?.len();
        if bytes < size {
            bail!(
                "resizing {}: it has {}, more than the {} asked for, and a disk is never made smaller",
                disk.display(),
                Amount(size),
                Amount(bytes)
            );
        }
        file.set_len(bytes).map_err(|error| match error.kind() {
            io::ErrorKind::FileTooLarge => anyhow!(
                "resizing {}: its file system has no files of {}: give a smaller --disk",
                disk.display(),
                Amount(bytes)
            ),
            _ => anyhow::Error::from(error).context(resizing()),
        })
    }

    /// Returns the options of a UEFI machine with a TPM, two processors and 2 GiB, with this
    /// folder's state.
    #[must_use]
    pub fn options(&self, programs: &Programs) -> Options {
        let boot =
            Boot::Uefi { code: programs.firmware.plain.clone(), variables: self.variables(), secure: false };
        let plain = Options::of(boot, self.folder.join(CONSOLE_LOG));
        Options { kvm: programs.kvm, disks: vec![self.disk()], tpm: true, ..plain }
    }

    /// Returns firmware that enforces Secure Boot, with this machine's variables. While they have
    /// no keys, it is in Setup Mode.
    ///
    /// # Errors
    /// When neither this host nor the tools tree has such firmware.
    pub fn secure_boot(&self, programs: &Programs) -> Result<Boot> {
        let Some(code) = programs.firmware.secure.clone() else {
            bail!(
                "there is no UEFI firmware with Secure Boot beside {}: install a package that has it, such as ovmf of \
                 Debian 13",
                programs.firmware.plain.display()
            );
        };
        Ok(Boot::Uefi { code, variables: self.variables(), secure: true })
    }
}

/// Copies a file unless the copy exists. Shares blocks if the file system can, and keeps holes.
fn copy_once(from: &Path, to: &Path) -> Result<()> {
    if to.exists() {
        return Ok(());
    }
    let part = to.with_extension("part");
    let mut command = Command::new("cp");
    command.args(["--reflink=auto", "--sparse=always", "--no-preserve=mode", "--"]);
    let doing = format!("copying {} to {}", from.display(), part.display());
    let copied = tools::output(&doing, command.arg(from).arg(&part));
    // What was copied is part of what fills a disk.
    let _nothing = copied.map_err(|error| full::explain(to, error)).inspect_err(|_| {
        // It may not exist. The failure before it is the one that is reported.
        fs::remove_file(&part).ok();
    })?;
    fs::rename(&part, to).with_context(|| format!("renaming {}", part.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::temporary;

    fn machine(place: &tempfile::TempDir) -> Machine {
        let (image, variables) = (place.path().join("image.raw"), place.path().join("variables.fd"));
        fs::write(&image, "image").unwrap();
        fs::write(&variables, "variables").unwrap();
        Machine::new(&place.path().join("machine"), &image, &variables).unwrap()
    }

    #[test]
    fn a_disk_is_copied_once_and_then_kept() {
        let place = temporary::folder().unwrap();
        let first = machine(&place);
        fs::write(first.disk(), "used").unwrap();
        assert_eq!(fs::read_to_string(machine(&place).disk()).unwrap(), "used");
    }

    #[test]
    fn a_disk_grows_and_never_shrinks() {
        let place = temporary::folder().unwrap();
        let machine = machine(&place);
        machine.enlarge(4096).unwrap();
        assert_eq!(fs::metadata(machine.disk()).unwrap().len(), 4096);
        let error = machine.enlarge(5).unwrap_err().to_string();
        assert!(
            error
                .ends_with("it has 4 KiB, more than the 5 bytes asked for, and a disk is never made smaller")
        );
        assert_eq!(fs::metadata(machine.disk()).unwrap().len(), 4096);
        // No file system has a file of this length.
        let error = machine.enlarge(i64::MAX as u64).unwrap_err().to_string();
        assert!(
            error.ends_with("its file system has no files of 8388608 TiB: give a smaller --disk"),
            "{error}"
        );
    }

    /// A device that is always full, and a disk that is not: gone by the time it is looked at.
    #[test]
    fn a_copy_without_room_says_which_disk_is_full() {
        let place = temporary::folder().unwrap();
        std::os::unix::fs::symlink("/dev/full", place.path().join("disk.part")).unwrap();
        let image = place.path().join("image.raw");
        fs::write(&image, "image").unwrap();
        let error = format!("{:#}", copy_once(&image, &place.path().join("disk.raw")).unwrap_err());
        assert!(error.starts_with("the file system at /"), "{error}");
        assert!(error.contains(" left now): make room there, and try again: copying "), "{error}");
    }

    #[test]
    fn an_image_that_is_not_there_is_named() {
        let place = temporary::folder().unwrap();
        let error = Machine::new(place.path(), Path::new("/nonexistent.raw"), Path::new("/dev/null"));
        let error = error.unwrap_err().to_string();
        assert!(error.contains("/nonexistent.raw") && error.contains("No such file"), "{error}");
    }
}

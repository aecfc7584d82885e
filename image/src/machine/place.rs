//! Where a machine is: in a temporary folder, or in one where it is kept.

use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, anyhow, bail};
use rustix::io::{FdFlags, fcntl_setfd};
use tempfile::TempDir;

use super::Machine;
use super::fault;
use super::image::Image;
use super::kept::{self, Found, NOTE, Next, Origin};
use crate::host::{durable, file, full, temporary};

/// Keeps `pattern run` away from a machine while its disk is written to. Does nothing for another file.
///
/// # Errors
/// When the machine runs.
pub(crate) fn lock_machine_of(disk: &Path) -> Result<Option<File>> {
    let path = disk.canonicalize().with_context(|| format!("finding {}", disk.display()))?;
    let folder = path.parent().filter(|folder| folder.join(NOTE).exists() && path.ends_with(kept::DISK));
    folder.map(durable::lock).transpose()
}

/// A folder that this process alone uses.
#[derive(Debug)]
pub enum Place {
    /// It is removed when this is dropped.
    Temporary(TempDir),
    /// It stays.
    Kept(Kept),
}

/// A folder where a machine is kept, locked against other processes.
#[derive(Debug)]
pub struct Kept {
    path: PathBuf,
    is_new: bool,
    _lock: File,
}

impl Place {
    /// Makes a temporary folder, or takes the one where a machine is to be kept.
    ///
    /// # Errors
    /// When the folder can't be made, or another process uses it.
    pub fn take(persist: Option<&Path>) -> Result<Self> {
        match persist {
            None => temporary::folder().map(Self::Temporary),
            Some(path) => Kept::take(path).map(Self::Kept),
        }
    }

    /// Makes the machine, or finds the one that is kept. Returns the image's size too, if it is known.
    ///
    /// # Errors
    /// When the folder is not a machine's, or holds a machine from another image and `fresh` is not
    /// set. Nothing is changed then. Or when the machine can't be made. Then nothing is left of it.
    pub fn machine(
        &self,
        image: Option<&Image>,
        fresh: bool,
        variables: &Path,
    ) -> Result<(Machine, Option<u64>)> {
        match self {
            Self::Kept(kept) => kept.machine(image, fresh, variables).inspect_err(|_| kept.leave()),
            Self::Temporary(folder) => {
                let image = image.context("an IMAGE is missing")?;
                Ok((Machine::new(folder.path(), image.path(), variables)?, Some(image.bytes())))
            }
        }
    }
}

impl Kept {
    fn take(path: &Path) -> Result<Self> {
        let is_new = make_private(path)?;
        let lock = durable::lock(path)?;
        // QEMU inherits the lock, so that it holds as long as the machine runs, however this process ends.
        fcntl_setfd(&lock, FdFlags::empty()).with_context(|| format!("locking {}", path.display()))?;
        Ok(Self { path: path.to_owned(), is_new, _lock: lock })
    }

    fn machine(
        &self,
        image: Option<&Image>,
        fresh: bool,
        variables: &Path,
    ) -> Result<(Machine, Option<u64>)> {
        let mut found = self.look()?;
        found.other_disk = image.is_some_and(|image| !image.is_of(&self.path.join(kept::DISK)));
        let given = image.map(Origin::of).transpose()?;
        let next = kept::decide(&found, given.as_ref(), fresh);
        let next = next.map_err(|why| anyhow!("keeping a machine in {}: {why}", self.path.display()))?;
        durable::warn_of_readers(&self.path)?;
        match (next, image, given) {
            (Next::Make, Some(image), Some(origin)) => {
                let machine = self.make(image, &origin, variables)?;
                Ok((machine, Some(origin.bytes)))
            }
            _ => Ok((Machine::open(&self.path, variables)?, found.origin.map(|origin| origin.bytes))),
        }
    }

    fn look(&self) -> Result<Found> {
        let reading = || format!("reading {}", self.path.display());
        let names = fs::read_dir(&self.path).with_context(reading)?;
        let names = names.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()));
        let mut names = names.collect::<io::Result<Vec<String>>>().with_context(reading)?;
        names.sort();
        let note = file::text(&self.path.join(NOTE)).unwrap_or_default();
        Ok(Found { names, origin: Origin::parse(&note), faults: fault::of(&self.path), other_disk: false })
    }

    /// The note comes first: a machine without one would be taken for that of an older version.
    fn make(&self, image: &Image, origin: &Origin, variables: &Path) -> Result<Machine> {
        self.erase()?;
        let note = self.path.join(NOTE);
        let written =
            fs::write(&note, origin.render()).with_context(|| format!("writing {}", note.display()));
        written.map_err(|error| full::explain(&note, error))?;
        Machine::new(&self.path, image.path(), variables).inspect_err(|_| {
            // The first failure is the one that is reported.
            self.erase().ok();
        })
    }

    fn erase(&self) -> Result<()> {
        for path in kept::own().map(|name| self.path.join(name)) {
            let removed = if path.is_dir() { fs::remove_dir_all(&path) } else { fs::remove_file(&path) };
            match removed {
                Err(error) if error.kind() != ErrorKind::NotFound => {
                    return Err(error).with_context(|| format!("removing {}", path.display()));
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// After a failure, removes the folder if it is new and empty.
    fn leave(&self) {
        if self.is_new {
            fs::remove_dir(&self.path).ok();
        }
    }
}

/// Makes a folder for its owner only, unless there is one. Returns whether it is new.
fn make_private(path: &Path) -> Result<bool> {
    if path.is_dir() {
        return Ok(false);
    }
    if path.exists() {
        bail!(
            "keeping a machine in {}: it is a file, not a folder: name a new or an empty folder",
            path.display()
        );
    }
    // Its TPM's state opens its volume, and its console may have shown a recovery key.
    if let Some((folder, kind)) = crate::place::unfit(path) {
        bail!(
            "keeping a machine in {}: {} is {kind}: name a new or an empty folder in another place",
            path.display(),
            folder.display()
        );
    }
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent).with_context(|| format!("creating {}", parent.display()))?;
    }
    durable::private_folder(path).map_err(|error| full::explain(path, error))?;
    Ok(true)
}

//! The disk that is written to: opened for us alone, past the page cache.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom};
use std::os::unix::fs::{FileExt as _, FileTypeExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use pattern::table::Amount;
use rustix::fs::{FallocateFlags, FlockOperation, OFlags, fallocate, fcntl_lock, major, minor};
use rustix::io::Errno;

use super::buffer::{Buffer, CHUNK};
use crate::host::{full, signals};
use crate::machine::place;

/// What a name stands for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    /// A block device, with its numbers as lsblk writes them.
    Device(String),
    /// A file: the disk of a virtual machine.
    File,
}

/// Finds out what a name stands for.
///
/// # Errors
/// When there is nothing, or neither a block device nor a file.
pub(super) fn kind(path: &Path) -> Result<Kind> {
    let shown = path.display();
    let metadata = match fs::metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => bail!(
            "there is no {shown}; to burn into a file, as the disk of a virtual machine, make it first: truncate --size=20G FILE"
        ),
        metadata => metadata.with_context(|| format!("looking at {shown}"))?,
    };
    if metadata.file_type().is_block_device() {
        return Ok(Kind::Device(numbers(&metadata)));
    }
    if !metadata.is_file() {
        bail!("{shown} is neither a disk nor a file");
    }
    Ok(Kind::File)
}

/// Smallest file that can be a disk: with a partition table and something after it.
const LEAST: u64 = 1 << 20;

/// # Errors
/// When a file is too small for any image: it was made for something else.
pub(super) fn refuse_no_disk(path: &Path) -> Result<()> {
    let shown = path.display();
    match fs::metadata(path).with_context(|| format!("looking at {shown}"))?.len() {
        0 => bail!("{shown} is empty: give it the size of a disk: truncate --size=20G {shown}"),
        bytes @ ..LEAST => bail!(
            "{shown} has {}, and is not the disk of a virtual machine: make one under another name: truncate --size=20G FILE",
            Amount(bytes)
        ),
        _ => Ok(()),
    }
}

/// Returns whether a disk is this file: by another name, or as the loop device of it. Nothing would be left to read.
///
/// # Errors
/// When the file can't be looked at.
pub(super) fn is_made_of(disk: &Path, file: &Path) -> Result<bool> {
    let wanted = fs::metadata(file).with_context(|| format!("looking at {}", file.display()))?;
    let same = |found: fs::Metadata| (found.dev(), found.ino()) == (wanted.dev(), wanted.ino());
    let Ok(found) = fs::metadata(disk) else { return Ok(false) };
    if !found.file_type().is_block_device() {
        return Ok(same(found));
    }
    // What the kernel says of a loop device (Documentation/ABI/testing/sysfs-block-loop).
    let backing = format!("/sys/dev/block/{}/loop/backing_file", numbers(&found));
    let backing = fs::read_to_string(backing).unwrap_or_default();
    Ok(fs::metadata(backing.trim_end_matches('\n')).is_ok_and(same))
}

/// Locks a disk, and returns whether another program had done so. udev, partitioning tools and this program lock a disk
/// as a whole; QEMU locks bytes of the file that it uses as one.
fn is_locked(file: &File, is_device: bool) -> bool {
    let bytes = || fcntl_lock(file, FlockOperation::NonBlockingLockExclusive);
    matches!(file.try_lock(), Err(TryLockError::WouldBlock)) || (!is_device && bytes() == Err(Errno::AGAIN))
}

fn numbers(metadata: &fs::Metadata) -> String {
    format!("{}:{}", major(metadata.rdev()), minor(metadata.rdev()))
}

/// An open disk.
pub(super) struct Target {
    file: File,
    /// The lock of the machine whose disk it is.
    _machine: Option<File>,
    path: PathBuf,
    is_device: bool,
    /// Whether reads and writes go past the page cache.
    pub(super) direct: bool,
    /// Bytes of the disk, in whole sectors.
    pub(super) size: u64,
    /// Bytes of a sector.
    pub(super) sector: u64,
}

impl Target {
    /// Opens a disk, and locks it: udev leaves it alone then.
    ///
    /// # Errors
    /// When somebody uses it, or it is not what it was a moment ago.
    pub(super) fn open(path: &Path, kind: &Kind, sector: u64) -> Result<Self> {
        let opening = || format!("opening {}", path.display());
        let is_device = *kind != Kind::File;
        // Of a device the kernel refuses this if it is mounted or otherwise in use, in whichever namespace.
        let alone = if is_device { OFlags::EXCL } else { OFlags::empty() };
        let open = |flags: OFlags| {
            let flags = i32::try_from(flags.bits()).unwrap_or_default();
            OpenOptions::new().read(true).write(true).custom_flags(flags).open(path)
        };
        let (file, direct) = match open(alone | OFlags::DIRECT) {
            Err(error) if error.kind() == ErrorKind::InvalidInput => (open(alone), false),
            opened => (opened, true),
        };
        let mut file = match file {
            Err(error) if error.kind() == ErrorKind::ResourceBusy => {
                bail!(
                    "{} is in use, though nothing of it is mounted here: by another program or container?",
                    path.display()
                )
            }
            file => file.with_context(opening)?,
        };
        if is_locked(&file, is_device) {
            bail!("{} is locked by another program; try again when it has finished", path.display());
        }
        let machine = if is_device { None } else { place::lock_machine_of(path)? };
        let now = file.metadata().with_context(opening)?;
        if matches!(kind, Kind::Device(was) if *was != numbers(&now)) {
            bail!("{} has become another disk; try again", path.display());
        }
        let size = file.seek(SeekFrom::End(0)).with_context(opening)? / sector * sector;
        Ok(Self { file, _machine: machine, path: path.to_owned(), is_device, direct, size, sector })
    }

    /// Writes a buffer.
    pub(super) fn write(&self, offset: u64, buffer: &Buffer) -> Result<()> {
        let written = self.file.write_all_at(buffer.bytes(), offset);
        written.with_context(|| self.doing("writing", offset)).map_err(|error| self.explain(error))
    }

    /// Makes zeros of at most a [`CHUNK`], by the disk's own means if it has some.
    pub(super) fn zero(&self, offset: u64, length: usize) -> Result<()> {
        let how = if self.is_device { FallocateFlags::ZERO_RANGE } else { FallocateFlags::PUNCH_HOLE };
        match fallocate(&self.file, how | FallocateFlags::KEEP_SIZE, offset, length as u64) {
            Ok(()) => Ok(()),
            Err(_) => self.write(offset, &Buffer::new(length)),
        }
    }

    /// Waits until all is on the medium.
    pub(super) fn flush(&self) -> Result<()> {
        let synced = self.file.sync_all();
        let synced =
            synced.with_context(|| format!("writing to {}: waiting for the disk", self.path.display()));
        synced.map_err(|error| self.explain(error))
    }

    /// The file that is the disk of a virtual machine has holes, for which its file system may have no room.
    fn explain(&self, error: anyhow::Error) -> anyhow::Error {
        if self.is_device { error } else { full::explain(&self.path, error) }
    }

    /// Fills a buffer.
    pub(super) fn read(&self, offset: u64, buffer: &mut Buffer) -> Result<()> {
        self.file.read_exact_at(buffer.bytes_mut(), offset).with_context(|| self.doing("reading", offset))
    }

    /// Returns whether a file has anything but zeros. Holes are not read.
    pub(super) fn has_data(&self) -> io::Result<bool> {
        let mut at = 0;
        loop {
            let start = match rustix::fs::seek(&self.file, rustix::fs::SeekFrom::Data(at)) {
                Err(Errno::NXIO) => return Ok(false),
                start => start?,
            };
            at = rustix::fs::seek(&self.file, rustix::fs::SeekFrom::Hole(start))?;
            let mut reader = Reader { target: self, position: start };
            let mut buffer = vec![0; CHUNK];
            while reader.position < at.min(self.size) {
                let length = reader.read(&mut buffer)?;
                if buffer.iter().take(length).any(|byte| *byte != 0) {
                    return Ok(true);
                }
            }
        }
    }

    fn doing(&self, what: &str, offset: u64) -> String {
        format!("{what} {} at byte {offset}", self.path.display())
    }

    /// Returns a reader of any bytes of the disk.
    pub(super) fn reader(&self) -> Reader<'_> {
        Reader { target: self, position: 0 }
    }
}

/// Reads any bytes, by whole sectors.
pub(super) struct Reader<'a> {
    target: &'a Target,
    position: u64,
}

impl Seek for Reader<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let position = match to {
            SeekFrom::Start(position) => Some(position),
            SeekFrom::End(by) => self.target.size.checked_add_signed(by),
            SeekFrom::Current(by) => self.position.checked_add_signed(by),
        };
        self.position = position.ok_or(ErrorKind::InvalidInput)?;
        Ok(self.position)
    }
}

impl Read for Reader<'_> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        signals::refuse_to_go_on()?;
        let sector = self.target.sector;
        let start = self.position / sector * sector;
        let within = usize::try_from(self.position - start).unwrap_or_default();
        let wanted =
            (within + bytes.len()).next_multiple_of(usize::try_from(sector).unwrap_or(CHUNK)).min(CHUNK);
        let left = usize::try_from(self.target.size.saturating_sub(start)).unwrap_or(usize::MAX);
        let mut buffer = Buffer::new(wanted.min(left));
        self.target.file.read_exact_at(buffer.bytes_mut(), start)?;
        let found = buffer.bytes().get(within..).unwrap_or_default();
        let length = found.len().min(bytes.len());
        bytes[..length].copy_from_slice(&found[..length]);
        self.position += length as u64;
        Ok(length)
    }
}

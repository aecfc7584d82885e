//! The disk that `/usr` runs from. It is found through sysfs, and only this module reads and writes
//! it.

mod commit;
mod known;
mod mark;
mod search;

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, FileTypeExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use nix::libc::O_DIRECT;
use pattern::boot::usr::UsrHash;
use pattern::config::DiskChoice;
use pattern::table::{Extent, Found, Step, Table};

use crate::ioctl::{self, Blkpg};
use known::{Known, differences, listed};

pub use mark::Mark;
pub use search::{UsrPartitions, disks, refused};

/// Alignment of memory and position that every disk accepts for a direct write.
const PAGE: usize = 4096;

/// A whole disk, open for reading. It is opened for writing only while a commit is carried out,
/// because udev probes a device again when a writer closes it.
#[derive(Debug)]
pub struct Disk {
    file: File,
    path: PathBuf,
    /// The disk's directory in sysfs.
    sysfs: PathBuf,
    sector_size: u64,
}

impl Disk {
    /// Opens the disk that holds the running `/usr`. It is the disk below `/dev/mapper/usr`. If
    /// that is not open, it is the disk with the partitions whose UUIDs the root hash gives.
    ///
    /// # Errors
    /// When there is no such disk, or `/usr` is spread over two.
    pub fn behind_usr(usr: &UsrHash) -> Result<Self> {
        Self::open(locate(Path::new("/"), usr).context("looking for the disk that holds /usr")?)
    }

    fn open(sysfs: PathBuf) -> Result<Self> {
        let name = sysfs.file_name().context("a disk without a name in /sys")?;
        let path = Path::new("/dev").join(name);
        let doing = || format!("opening the disk {}", path.display());
        let file = File::open(&path).with_context(doing)?;
        let sector_size = ioctl::sector_size(&file).with_context(doing)?;
        Ok(Self { file, path, sysfs, sector_size })
    }

    /// Fails unless `partitions.disk` is "auto" or names this disk.
    ///
    /// # Errors
    /// When the named device is another one, or does not exist.
    pub fn check(&self, choice: &DiskChoice) -> Result<()> {
        let DiskChoice::Path(wanted) = choice else {
            return Ok(());
        };
        let device =
            fs::canonicalize(wanted).with_context(|| format!("partitions.disk: looking at {wanted}"))?;
        if device != self.path {
            bail!(
                "partitions.disk is {wanted} ({}), but /usr runs from {}; correct pattern.toml or remove the other disk",
                device.display(),
                self.path.display()
            );
        }
        Ok(())
    }

    /// Returns the disk's path, such as `/dev/vda`.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Reads the partition table.
    ///
    /// # Errors
    /// When there is no usable table.
    pub fn table(&self) -> Result<Found> {
        Found::read(&mut &self.file, self.sector_size)
            .with_context(|| format!("disk {}", self.path.display()))
    }

    /// Returns a partition's path, such as `/dev/vda2` or `/dev/nvme0n1p2`.
    pub fn partition_path(&self, number: u32) -> PathBuf {
        Path::new("/dev").join(self.partition_name(number))
    }

    fn partition_name(&self, number: u32) -> String {
        partition_name(&self.path.file_name().unwrap_or_default().to_string_lossy(), number)
    }

    /// Carries out the steps of a commit. Meanwhile it holds the lock by which udev and other tools
    /// leave a block device alone (systemd's rules for locking block devices).
    ///
    /// # Errors
    /// The first step that fails. The table is then the old or the new one.
    fn carry_out(&self, steps: &[Step]) -> Result<()> {
        if steps.is_empty() {
            return Ok(());
        }
        let doing = || format!("writing the partition table of {}", self.path.display());
        let file = open_for_writing(&self.path).with_context(doing)?;
        file.lock().with_context(doing)?;
        steps.iter().try_for_each(|step| perform(&file, step)).with_context(doing)
    }

    /// Returns the place for the mark of a boot, or `None` if the partition table leaves no room, or
    /// is not understood.
    ///
    /// # Errors
    /// When the table can't be read.
    pub fn boot_mark(&self) -> Result<Option<Mark>> {
        let at = self.table()?.before_usable();
        Ok(at.map(|at| Mark::new(self.path.clone(), at)))
    }

    /// Tells the kernel of every partition whose entry in the table differs from what the kernel
    /// knows. The kernel can't re-read the whole table while `/usr` is in use.
    ///
    /// # Errors
    /// The first partition that the kernel refuses.
    pub fn tell_kernel(&self, table: &Table) -> Result<()> {
        let known = self.known()?;
        let listed = listed(table);
        for (operation, part) in differences(&known, &listed, &listed) {
            self.tell(operation, part)?;
            if operation == Blkpg::Resize {
                // The kernel sends no event for a resized partition.
                self.announce(part.number)?;
            }
        }
        Ok(())
    }

    /// Makes an extent a partition for the kernel, although the table does not list it yet. A
    /// partition there that the kernel knows and the table does not list is left from an earlier
    /// attempt, and is removed.
    ///
    /// # Errors
    /// When the kernel refuses, as it does when the extent or the number is in use.
    pub fn add_partition(&self, number: u32, extent: Extent, table: &Table) -> Result<()> {
        let wanted = Known::new(number, extent, self.sector_size);
        let steps = differences(&self.known()?, &[wanted], &listed(table));
        steps.into_iter().try_for_each(|(operation, part)| self.tell(operation, part))
    }

    /// Makes udev look at a partition again.
    ///
    /// # Errors
    /// When the kernel doesn't know the partition.
    pub fn announce(&self, number: u32) -> Result<()> {
        let path = self.sysfs.join(self.partition_name(number)).join("uevent");
        fs::write(&path, "change").with_context(|| format!("writing to {}", path.display()))
    }

    fn tell(&self, operation: Blkpg, part: Known) -> Result<()> {
        ioctl::partition(&self.file, operation, part.number, part.start, part.length).with_context(|| {
            let path = self.partition_path(part.number);
            format!("telling the kernel of partition {} ({operation:?})", path.display())
        })
    }

    /// Returns the partitions that the kernel knows.
    fn known(&self) -> Result<Vec<Known>> {
        let doing = || format!("reading {}", self.sysfs.display());
        let mut known = Vec::new();
        for entry in fs::read_dir(&self.sysfs).with_context(doing)? {
            let path = entry.with_context(doing)?.path();
            if path.join("partition").exists() {
                known.push(Known::read(&path)?);
            }
        }
        Ok(known)
    }
}

/// Returns the sysfs directory of the disk below `/dev/mapper/usr`, or of the disk that lists the
/// two partitions.
fn locate(root: &Path, usr: &UsrHash) -> Result<PathBuf> {
    let blocks = root.join("sys/class/block");
    let devices = match mapper(&blocks, "usr")? {
        Some(mapper) => below(&mapper)?,
        None => {
            let found = search::find(root, usr)?.context("its two partitions are not on a disk")?;
            return fs::canonicalize(blocks.join(&found.disk)).context("a disk that just went away");
        }
    };
    let mut disks = Vec::new();
    for device in devices {
        let directory = fs::canonicalize(blocks.join(&device))
            .with_context(|| format!("{} is not a block device", device.display()))?;
        let disk = directory.parent().filter(|_| directory.join("partition").exists());
        disks.push(
            disk.with_context(|| format!("{} is not a partition of a disk", device.display()))?.to_owned(),
        );
    }
    disks.dedup();
    match disks.as_slice() {
        [disk] => Ok(disk.clone()),
        _ => {
            bail!("/usr and its hash tree are on {} disks; remove the disk with the other copy", disks.len())
        }
    }
}

/// Makes udev look at `/dev/mapper/NAME` again. udev hides an encrypted device until it holds a
/// file system.
///
/// # Errors
/// When no such device is open.
pub fn announce_mapper(name: &str) -> Result<()> {
    let device =
        mapper(Path::new("/sys/class/block"), name)?.with_context(|| format!("{name} is not open"))?;
    let path = device.join("uevent");
    fs::write(&path, "change").with_context(|| format!("writing to {}", path.display()))
}

/// Returns the sysfs directory of an open device-mapper device. It is found by its name in sysfs,
/// because `/dev/mapper/NAME` may be a node or a link.
fn mapper(blocks: &Path, name: &str) -> Result<Option<PathBuf>> {
    let entries = fs::read_dir(blocks).with_context(|| format!("reading {}", blocks.display()))?;
    let paths: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    let named =
        |path: &PathBuf| fs::read_to_string(path.join("dm/name")).is_ok_and(|text| text.trim() == name);
    Ok(paths.into_iter().find(named))
}

/// Returns the names of the devices that a device-mapper device is made of.
fn below(mapper: &Path) -> Result<Vec<PathBuf>> {
    let slaves = mapper.join("slaves");
    let entries = fs::read_dir(&slaves).with_context(|| format!("reading {}", slaves.display()))?;
    entries.map(|entry| Ok(entry?.file_name().into())).collect()
}

/// Returns the kernel's name of a partition.
fn partition_name(disk: &str, number: u32) -> String {
    let separator = if disk.ends_with(|c: char| c.is_ascii_digit()) { "p" } else { "" };
    format!("{disk}{separator}{number}")
}

/// Opens a disk for writing. With O_DIRECT, one write here is one write to the disk, and reads
/// afterwards come from the disk.
fn open_for_writing(path: &Path) -> io::Result<File> {
    let block = fs::metadata(path)?.file_type().is_block_device();
    let flags = if block { O_DIRECT } else { 0 };
    OpenOptions::new().read(true).write(true).custom_flags(flags).open(path)
}

fn perform(file: &File, step: &Step) -> io::Result<()> {
    match step {
        Step::Flush => file.sync_all(),
        Step::Write { offset, bytes } => {
            // O_DIRECT needs aligned memory, so the bytes go into an aligned part of a larger
            // buffer.
            let mut memory = vec![0; bytes.len() + PAGE];
            let start = memory.as_ptr().align_offset(PAGE);
            let aligned = memory.get_mut(start..start.saturating_add(bytes.len()));
            let aligned = aligned.ok_or_else(|| io::Error::other("no aligned memory for a direct write"))?;
            aligned.copy_from_slice(bytes);
            file.write_all_at(aligned, *offset)
        }
    }
}

#[cfg(test)]
mod tests;

//! Looks for the disk that holds `/usr` before `/usr` is open: by the UUIDs of the two partitions,
//! in the partition tables that the kernel has read.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use pattern::boot::usr::UsrHash;
use pattern::table;

use super::{Disk, partition_name};

/// The partitions of `/usr` and of its hash tree, such as `/dev/vda3` and `/dev/vda2`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct UsrPartitions {
    /// The disk's name, such as `vda`.
    pub(super) disk: String,
    /// Content.
    pub data: PathBuf,
    /// Hash tree.
    pub tree: PathBuf,
}

impl UsrPartitions {
    /// Looks at all disks that are there now. Returns `None` if no disk has both partitions.
    ///
    /// # Errors
    /// When two disks have them: which of them is meant can't be known.
    pub fn find(usr: &UsrHash) -> Result<Option<Self>> {
        find(Path::new("/"), usr)
    }

    /// Opens their disk.
    ///
    /// # Errors
    /// When it just went away.
    pub fn disk(&self) -> Result<Disk> {
        let sysfs = Path::new("/sys/class/block").join(&self.disk);
        Disk::open(fs::canonicalize(&sysfs).with_context(|| format!("looking at {}", sysfs.display()))?)
    }
}

/// Returns the names of all disks that are there now.
#[must_use]
pub fn disks() -> Vec<String> {
    names(Path::new("/"))
}

/// Returns the disks whose table lists both partitions, asked when the kernel shows neither: it refused the table.
#[must_use]
pub fn refused(usr: &UsrHash) -> Vec<String> {
    let mut names = disks();
    names.retain(|disk| {
        reading(Path::new("/"), disk)
            .is_ok_and(|(mut file, size)| table::lists(&mut file, size, [usr.data(), usr.tree()]))
    });
    names
}

pub(super) fn find(root: &Path, usr: &UsrHash) -> Result<Option<UsrPartitions>> {
    let found: Vec<_> = names(root).into_iter().filter_map(|disk| on_disk(root, disk, usr)).collect();
    match &found[..] {
        [] => Ok(None),
        [one] => Ok(Some(one.clone())),
        [one, two, ..] => bail!(
            "the disks {} and {} both hold the /usr to start; remove the one that is not meant",
            one.disk,
            two.disk
        ),
    }
}

/// Returns the names of the disks, in order. Device-mapper and loop devices have no `device`.
fn names(root: &Path) -> Vec<String> {
    let blocks = root.join("sys/class/block");
    let is_disk = |path: &Path| path.join("device").exists() && !path.join("partition").exists();
    let entries = fs::read_dir(blocks).into_iter().flatten().flatten().map(|entry| entry.path());
    let name = |path: PathBuf| Some(path.file_name()?.to_str()?.to_owned());
    let mut names: Vec<String> = entries.filter(|path| is_disk(path)).filter_map(name).collect();
    names.sort();
    names
}

fn on_disk(root: &Path, disk: String, usr: &UsrHash) -> Option<UsrPartitions> {
    let [data, tree] = numbers(root, &disk, usr)
        .inspect_err(|error| log::debug!("looking for /usr on {disk}: {error:#}"))
        .ok()??
        .map(|number| partition_name(&disk, number));
    // The kernel may be about to read the table, or have refused it.
    let known = |name: &String| root.join("sys/class/block").join(name).exists();
    let path = |name: &String| root.join("dev").join(name);
    (known(&data) && known(&tree)).then(|| UsrPartitions { disk, data: path(&data), tree: path(&tree) })
}

fn numbers(root: &Path, disk: &str, usr: &UsrHash) -> Result<Option<[u32; 2]>> {
    let (mut file, size) = reading(root, disk)?;
    Ok(table::numbers(&mut file, size, [usr.data(), usr.tree()]))
}

/// Opens a disk. Returns the bytes of its sectors, too.
fn reading(root: &Path, disk: &str) -> Result<(File, u64)> {
    let size = root.join("sys/class/block").join(disk).join("queue/logical_block_size");
    let size = fs::read_to_string(&size).with_context(|| format!("reading {}", size.display()))?;
    let size = size.trim().parse().context("its sector size is not a number")?;
    Ok((File::open(root.join("dev").join(disk)).context("opening it")?, size))
}

//! Lists the versions on the EFI system partition of the running system.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use nix::sys::statvfs::statvfs;
use pattern::table::Table;
use pattern::update::entry::{DIRECTORY, Entry, Tries};
use pattern::update::next::Step;
use pattern::update::room::Room;
use pattern::update::{self, Installed};

use crate::{boot_loader, output, trial};

/// More starts than any trial has.
const RETIRED: u32 = 1000;
/// Where systemd-gpt-auto-generator mounts the partition.
const MOUNTS: [&str; 2] = ["/efi", "/boot"];

/// Returns the versions of an image whose `/usr` is on the disk, and what the boot loader goes by.
///
/// # Errors
/// When the partition is not mounted, or can't be read.
pub fn installed(id: &str, running: &str, table: &Table) -> Result<Installed> {
    let labels: Vec<String> = table.partitions().map(|part| part.label).collect();
    let whole = files(id)?.into_iter().filter(|(_, path)| !is_empty(path)).map(|(entry, _)| entry).collect();
    Ok(Installed {
        id: id.to_owned(),
        running: running.to_owned(),
        counted: trial::running(),
        entries: update::with_usr(whole, &labels),
        settings: boot_loader::settings(partition()?),
    })
}

/// Returns how much room there is for another kernel image, beside that of the running version.
///
/// # Errors
/// When the partition is not mounted, or can't be read.
pub fn room(id: &str, running: &str) -> Result<Room> {
    let place = partition()?;
    let facts = statvfs(place).with_context(|| format!("asking how full {} is", place.display()))?;
    let mut room = Room { free: facts.blocks_available() * facts.fragment_size(), ..Room::default() };
    for (entry, path) in files(id)? {
        let bytes = path.metadata().map_or(0, |facts| facts.len());
        if entry.version == running {
            room.running = bytes;
        } else {
            room.others += bytes;
        }
    }
    Ok(room)
}

/// Carries out a step towards another start.
///
/// # Errors
/// When a file is gone or can't be renamed, another one has the new name, or the firmware refuses.
pub fn perform(id: &str, step: &Step) -> Result<()> {
    match step {
        Step::Count(entry, tries) => count(id, entry, *tries),
        Step::Forget(setting) => boot_loader::forget(*setting),
    }
}

/// Gives an entry other counters, or none.
fn count(id: &str, entry: &Entry, tries: Option<Tries>) -> Result<()> {
    let from = file(id, entry)?;
    retire_others(id, entry)?;
    let to = from.with_file_name(Entry { tries, ..entry.clone() }.file_name(id));
    rename(&from, &to).with_context(|| format!("renaming {} to {}", from.display(), to.display()))
}

/// Takes the tries of other files of the same version, which a power cut within a renaming leaves. They
/// are not removed: both names may stand for the same clusters.
fn retire_others(id: &str, entry: &Entry) -> Result<()> {
    let others = files(id)?.into_iter().filter(|(other, _)| other.version == entry.version && other != entry);
    for ((other, from), done) in others.filter(|(other, _)| !other.spent()).zip(RETIRED..) {
        let to = from.with_file_name(Entry { tries: Some(Tries { left: 0, done }), ..other }.file_name(id));
        rename(&from, &to).with_context(|| format!("renaming {}", from.display()))?;
    }
    Ok(())
}

fn rename(from: &Path, to: &Path) -> Result<()> {
    if to.exists() {
        bail!("a file of that name exists");
    }
    fs::rename(from, to)?;
    let folder = to.parent().context("a file without a folder")?;
    Ok(File::open(folder)?.sync_all()?)
}

/// Returns the file of one version.
///
/// # Errors
/// When the partition is not mounted, or can't be read.
pub fn file(id: &str, entry: &Entry) -> Result<PathBuf> {
    let found = files(id)?.into_iter().find(|(other, _)| other == entry);
    found.map(|(_, path)| path).with_context(|| format!("version {} is gone", entry.version))
}

/// Removes the empty files that a power cut leaves: FAT writes a new name before the file's size,
/// and systemd-sysupdate takes the name for an installed version.
///
/// # Errors
/// When the partition is not mounted, or can't be read.
pub fn sweep(id: &str) -> Result<()> {
    for (_, path) in files(id)?.iter().filter(|(_, path)| is_empty(path)) {
        // The update may work even if the file stays.
        if let Err(error) = fs::remove_file(path) {
            output::message(&format!("pattern: removing {}, which is empty: {error}", path.display()));
        }
    }
    Ok(())
}

/// Returns whether a file is empty. The boot loader ignores empty files, too.
fn is_empty(path: &Path) -> bool {
    path.metadata().is_ok_and(|facts| facts.len() == 0)
}

/// Returns where the EFI system partition is mounted.
///
/// # Errors
/// When it is not mounted.
pub fn partition() -> Result<&'static Path> {
    let found = MOUNTS.iter().map(Path::new).find(|mount| mount.join(DIRECTORY).is_dir());
    found.with_context(|| {
        format!("finding the EFI system partition: no {DIRECTORY} in {}", MOUNTS.join(" or "))
    })
}

fn files(id: &str) -> Result<Vec<(Entry, PathBuf)>> {
    below(&partition()?.join(DIRECTORY), id)
}

fn below(directory: &Path, id: &str) -> Result<Vec<(Entry, PathBuf)>> {
    let reading = || format!("reading {}", directory.display());
    let mut found = Vec::new();
    for file in fs::read_dir(directory).with_context(reading)? {
        let path = file.with_context(reading)?.path();
        if !path.is_file() {
            continue;
        }
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        found.extend(Entry::parse(id, &name).map(|entry| (entry, path.clone())));
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt as _;

    use super::*;

    #[test]
    fn a_file_is_renamed_and_never_replaced() {
        let directory = std::env::temp_dir().join(format!("pattern-rename-{}", std::process::id()));
        fs::create_dir_all(&directory).unwrap();
        let [counted, good] = ["demo_2+2-1.efi", "demo_2.efi"].map(|name| directory.join(name));
        fs::write(&counted, "MZ").unwrap();
        rename(&counted, &good).unwrap();
        assert!(!counted.exists() && good.exists());
        fs::write(&counted, "other").unwrap();
        assert_eq!(rename(&counted, &good).unwrap_err().to_string(), "a file of that name exists");
        assert_eq!(fs::read(&good).unwrap(), b"MZ");
        fs::remove_dir_all(directory).unwrap();
    }

    #[test]
    fn an_empty_file_is_what_a_cut_left() {
        let directory = std::env::temp_dir().join(format!("pattern-entries-{}", std::process::id()));
        fs::create_dir_all(&directory).unwrap();
        fs::write(directory.join("demo_1.efi"), "MZ").unwrap();
        fs::write(directory.join("demo_2+3-0.efi"), "").unwrap();
        fs::write(directory.join("other_3.efi"), "").unwrap();
        // What else may lie there.
        fs::create_dir_all(directory.join("demo_4.efi")).unwrap();
        fs::write(directory.join("demo_5\u{1b}[2J.efi"), "MZ").unwrap();
        fs::write(directory.join(OsStr::from_bytes(b"demo_6\xff.efi")), "MZ").unwrap();
        let mut found = below(&directory, "demo").unwrap();
        found.sort_by(|one, other| one.1.cmp(&other.1));
        let empty = found.iter().map(|(entry, path)| (entry.version.as_str(), is_empty(path)));
        assert_eq!(empty.collect::<Vec<_>>(), [("1", false), ("2", true)]);
        fs::remove_dir_all(directory).unwrap();
    }
}

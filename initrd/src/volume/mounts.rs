//! Mounts the volume in the root of the system that is started, and binds what is kept from it.

use std::path::Path;

use anyhow::{Context as _, Result};
use nix::mount::{MntFlags, MsFlags, umount2};
use pattern::config::Persist;
use pattern::volume::has_room;
use pattern_machine::mounts::{ROOT, bind, is_mounted, put};

use super::luks::size;
use super::place::DEVICE;
use super::{filesystem, luks};

/// Where the system has the volume.
pub(crate) const VOLUME: &str = "/sysroot/persist";
/// The folder on the volume that has the directories.
pub(crate) const KEPT: &str = "root";

/// Mounts the open volume, unless it is mounted. Returns where.
///
/// # Errors
/// When it holds no file system, or the kernel refuses.
pub(crate) fn mount() -> Result<&'static Path> {
    let (device, volume) = (Path::new(DEVICE), Path::new(VOLUME));
    if !is_mounted(volume)? {
        // Looked at, because the volume may be older than the image, which names the file system of
        // new volumes.
        put(device, volume, filesystem::of(device)?.name(), MsFlags::MS_NODEV, None)?;
    }
    Ok(volume)
}

/// Unmounts the volume, after a failure that is being reported.
pub(crate) fn unmount() {
    // The first failure must be seen; a second one would hide it.
    umount2(VOLUME, MntFlags::MNT_DETACH).ok();
}

/// Makes the file system as large as the volume, which may be larger than at the boot before.
pub(crate) fn grow() {
    let device = Path::new(DEVICE);
    let grown = luks::head(device).and_then(|head| {
        let size = size(device).with_context(|| format!("looking at {}", device.display()))?;
        if has_room(&head, size) { filesystem::grow() } else { Ok(()) }
    });
    // The volume is as good as before.
    grown.unwrap_or_else(|error| log::warn!("{error:#}"));
}

/// Binds the directories of the system that are kept. All of them are on the volume.
///
/// # Errors
/// The first mount that the kernel refuses.
pub(crate) fn bind_all(asked: &Persist) -> Result<()> {
    let (kept, root) = (Path::new(VOLUME).join(KEPT), Path::new(ROOT));
    asked.asked().try_for_each(|name| bind(&kept.join(name), &root.join(name), flags(name)))
}

/// Containers below /var have their own set-user-ID programs. Device nodes are never allowed.
fn flags(name: &str) -> MsFlags {
    if name == "var" { MsFlags::MS_NODEV } else { MsFlags::MS_NODEV | MsFlags::MS_NOSUID }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_directory_has_devices_and_only_var_has_set_user_id_programs() {
        for name in ["etc", "home", "srv"] {
            assert_eq!(flags(name), MsFlags::MS_NODEV | MsFlags::MS_NOSUID);
        }
        assert_eq!(flags("var"), MsFlags::MS_NODEV);
    }
}

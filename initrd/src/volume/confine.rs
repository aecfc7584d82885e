//! Restricts the running system to the directories that are bound from the volume.
//!
//! Without this, a service whose `/home` or `/etc` is hidden or read-only (`ProtectHome=`,
//! `ProtectSystem=`) would find both below `/persist/root`.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;

use anyhow::{Context as _, Result};
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use pattern_machine::mounts::{apart, is_mounted};

use super::mounts::{KEPT, VOLUME};

/// The volume's own file system offers no programs and no devices.
const INERT: MsFlags = MsFlags::MS_NOSUID.union(MsFlags::MS_NODEV).union(MsFlags::MS_NOEXEC);

/// Covers the source of the bound directories, after they were bound. Returns whether there is a
/// volume.
///
/// # Errors
/// When the source can't be covered.
pub(crate) fn run() -> Result<bool> {
    let volume = Path::new(VOLUME);
    let closing = || format!("closing {VOLUME} to the system");
    if !is_mounted(volume).with_context(closing)? {
        return Ok(false);
    }
    restrict(volume).with_context(closing)?;
    let root = volume.join(KEPT);
    if root.is_dir() {
        cover(&root).with_context(|| format!("covering {}", root.display()))?;
    }
    // Remounts this mount only. The bound directories keep their own options.
    let flags = MsFlags::MS_REMOUNT | MsFlags::MS_BIND | INERT;
    mount(None::<&str>, volume, None::<&str>, flags, None::<&str>).with_context(closing)?;
    Ok(true)
}

/// Makes the volume's root accessible to root alone. Writes only once: later boots find the mode
/// set.
fn restrict(volume: &Path) -> Result<()> {
    if volume.metadata()?.mode() & 0o7777 != 0o700 {
        fs::set_permissions(volume, Permissions::from_mode(0o700))?;
    }
    Ok(())
}

/// Covers the path with an empty directory that nobody can write to. The volume is not changed.
fn cover(path: &Path) -> nix::Result<()> {
    let options = Some("mode=0000,size=4k,nr_inodes=2");
    mount(Some("tmpfs"), path, Some("tmpfs"), INERT | MsFlags::MS_RDONLY, options)
}

/// Shows this process alone what is covered, in the running system.
///
/// # Errors
/// When it can't have mounts of its own, or the cover stays.
pub(crate) fn uncover(volume: &Path) -> Result<()> {
    let cover = volume.join(KEPT);
    apart().context("making a mount namespace")?;
    if is_mounted(&cover)? {
        umount2(&cover, MntFlags::MNT_DETACH).with_context(|| format!("uncovering {}", cover.display()))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_volume_is_roots_alone() {
        let path = std::env::temp_dir().join(format!("pattern-confine-{}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o755)).unwrap();
        for _ in 0..2 {
            restrict(&path).unwrap();
            assert_eq!(path.metadata().unwrap().mode() & 0o7777, 0o700);
        }
        fs::remove_dir_all(path).unwrap();
    }
}

//! Mounts the verified `/usr`, and the root that it goes into.

use std::path::Path;

use anyhow::{Context as _, Result};
use nix::mount::MsFlags;
use nix::sys::utsname::uname;
use pattern_machine::mounts::{ROOT, bind, put};

/// Where the initrd itself has `/usr`.
const USR: &str = "/sysusr/usr";
const ROOT_OPTIONS: &str = "mode=0755,nr_inodes=1m,size=50%";
const MODULES: &str = "/usr/lib/modules";
const STORE: &str = "nix/store";

/// Mounts `device`, for the initrd and for the system in its ephemeral root.
///
/// # Errors
/// The first mount that the kernel refuses.
pub(super) fn mount_all(device: &Path) -> Result<()> {
    let (root, usr) = (Path::new(ROOT), Path::new(USR));
    put("rootfs".as_ref(), root, "tmpfs", MsFlags::empty(), Some(ROOT_OPTIONS))?;
    put(device, usr, "erofs", MsFlags::MS_RDONLY | MsFlags::MS_NODEV, None)?;
    bind(usr, &root.join("usr"), MsFlags::empty())?;
    // Only images built with Nix have a store.
    let store = usr.join(STORE);
    if store.is_dir() {
        bind(&store, &root.join(STORE), MsFlags::empty())?;
    }
    drivers(usr)
}

/// Offers the image's drivers, such as those of keyboards. The initrd itself has only those that
/// find `/usr`.
fn drivers(usr: &Path) -> Result<()> {
    let system = uname().context("asking for the kernel's release")?;
    let (all, own) = (usr.join("lib/modules"), Path::new(MODULES));
    let fits = all.join(system.release()).is_dir() && own.is_dir();
    if fits { bind(&all, own, MsFlags::empty()) } else { Ok(()) }
}

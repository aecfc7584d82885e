//! Mounts what the system starts with.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use anyhow::{Context as _, Result};
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};

/// The root of the system that is started.
pub const ROOT: &str = "/sysroot";

/// Mounts a file system, and makes the directory for it.
///
/// # Errors
/// When the kernel refuses.
pub fn put(what: &Path, at: &Path, kind: &str, flags: MsFlags, options: Option<&str>) -> Result<()> {
    place(what, at, Some(kind), flags, options)
}

/// Shows a directory at another place, too. Other flags than those of its own mount need a second
/// step (mount(2), "Creating a bind mount").
///
/// # Errors
/// When the kernel refuses.
pub fn bind(from: &Path, to: &Path, flags: MsFlags) -> Result<()> {
    place(from, to, None, MsFlags::MS_BIND, None)?;
    if flags.is_empty() {
        return Ok(());
    }
    let flags = flags | MsFlags::MS_BIND | MsFlags::MS_REMOUNT;
    let remounted = mount(None::<&str>, to, None::<&str>, flags, None::<&str>);
    remounted.with_context(|| format!("restricting {}", to.display()))
}

fn place(what: &Path, at: &Path, kind: Option<&str>, flags: MsFlags, options: Option<&str>) -> Result<()> {
    let doing = || format!("mounting {} at {}", what.display(), at.display());
    fs::create_dir_all(at).with_context(doing)?;
    mount(Some(what), at, kind, flags, options).with_context(doing)
}

/// Gives this process its own mounts. Mounts that the machine makes meanwhile still appear here, for
/// example the EFI system partition on its first use.
///
/// # Errors
/// When the kernel refuses.
pub fn apart() -> nix::Result<()> {
    unshare(CloneFlags::CLONE_NEWNS)?;
    mount(None::<&str>, "/", None::<&str>, MsFlags::MS_REC | MsFlags::MS_SLAVE, None::<&str>)
}

/// Returns whether something is mounted at this path. A path that is not there has no mount.
///
/// # Errors
/// When the path can't be looked at.
pub fn is_mounted(path: &Path) -> Result<bool> {
    let device = |path: &Path| -> Result<u64> {
        Ok(path.metadata().with_context(|| format!("looking at {}", path.display()))?.dev())
    };
    Ok(path.is_dir() && device(path)? != device(path.parent().unwrap_or(path))?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mount_is_known_by_its_device() {
        assert!(!is_mounted(Path::new("/usr/lib")).unwrap());
        assert!(!is_mounted(Path::new("/nonexistent/persist")).unwrap());
        assert!(is_mounted(Path::new("/proc")).unwrap());
    }

    #[test]
    fn a_mount_that_fails_is_named() {
        let target = std::env::temp_dir().join(format!("pattern-mounts-{}", std::process::id()));
        let error = bind(Path::new("/nonexistent/usr"), &target, MsFlags::empty()).unwrap_err();
        let start = format!("mounting /nonexistent/usr at {}: ", target.display());
        assert!(format!("{error:#}").starts_with(&start), "{error:#}");
        fs::remove_dir(target).unwrap();
    }
}

//! A release must be readable by the web server that gives it to systems.

use std::fs::{self, Metadata};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;

use anyhow::{Context, Result};
use rustix::process::geteuid;

use crate::host::below::Below;
use crate::host::word::word;
use crate::host::{durable, screen};
use crate::secret;

/// Makes a folder and those above it that are missing, readable by everybody, whatever the umask.
pub(super) fn make(path: &Path) -> Result<()> {
    let mut missing: Vec<&Path> = named(path).filter(|folder| !folder.exists()).collect();
    missing.reverse();
    // A path such as `a/../b` has names that exist as soon as the one before is made.
    for folder in missing {
        if !folder.exists() {
            fs::create_dir(folder).with_context(|| format!("creating {}", folder.display()))?;
            durable::mode(folder, 0o755)?;
        }
    }
    Ok(())
}

/// Warns of folders that only their owner can read, if that is this user. Only those are looked at that the path names: a
/// release that is copied to a server may lie in a private home.
pub(super) fn warn(path: &Path) {
    for folder in named(path) {
        let shown = folder.display();
        let is_release = folder == path;
        if fs::metadata(folder).is_ok_and(|found| is_closed(&found, is_release)) {
            screen::warn(format_args!(
                "warning: only its owner can read {shown}, so a web server can't give {} to systems: {}",
                path.display(),
                next(folder, is_release)
            ));
        }
    }
}

/// Says what to do. A folder stays closed with a private key in it that others could get at then.
fn next(folder: &Path, is_release: bool) -> String {
    match secret::below(&mut Below::of(folder, is_open)) {
        Some(key) => {
            format!("name another folder with --output, because {} holds secret keys", key.display())
        }
        None => format!("chmod {} {}", if is_release { "a+rx" } else { "a+x" }, word(folder)),
    }
}

/// Returns whether somebody else than the owner can go through a folder.
fn is_open(found: &Metadata) -> bool {
    found.permissions().mode() & 0o011 != 0
}

/// Returns whether neither the group nor others can read a release, or go through a folder above it. A list of access rights
/// shows in the bits of the group.
fn is_closed(found: &Metadata, is_release: bool) -> bool {
    let needed = |bits: u32, shift: u32| {
        let wanted = if is_release { 0o5 } else { 0o1 };
        bits >> shift & wanted == wanted
    };
    let mode = found.permissions().mode();
    found.uid() == geteuid().as_raw() && !needed(mode, 3) && !needed(mode, 0)
}

/// Returns a folder and those above it that its path names.
fn named(path: &Path) -> impl Iterator<Item = &Path> {
    path.ancestors().filter(|folder| !folder.as_os_str().is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::temporary;

    fn closed(path: &Path, mode: u32, is_release: bool) -> bool {
        durable::mode(path, mode).unwrap();
        is_closed(&fs::metadata(path).unwrap(), is_release)
    }

    #[test]
    fn a_release_is_to_be_read_and_a_folder_above_it_to_be_passed() {
        let place = temporary::folder().unwrap();
        let path = place.path();
        for (mode, release, parent) in [
            (0o700, true, true),
            (0o711, true, false),
            (0o750, false, false),
            (0o744, true, true),
            (0o755, false, false),
        ] {
            assert_eq!((closed(path, mode, true), closed(path, mode, false)), (release, parent), "{mode:o}");
        }
        assert!(!is_closed(&fs::metadata("/").unwrap(), true));
    }

    #[test]
    fn a_folder_with_a_private_key_is_not_to_be_opened() {
        let place = temporary::folder().unwrap();
        let shown = place.path().display();
        assert_eq!(next(place.path(), false), format!("chmod a+x {shown}"));
        assert_eq!(next(place.path(), true), format!("chmod a+rx {shown}"));
        fs::write(place.path().join("id"), "-----BEGIN OPENSSH PRIVATE KEY-----\n").unwrap();
        let wanted = format!("name another folder with --output, because {shown}/id holds secret keys");
        assert_eq!(next(place.path(), false), wanted);
        // Nobody else gets at one in a folder that stays closed.
        let inner = place.path().join("inner");
        fs::create_dir(&inner).unwrap();
        fs::rename(place.path().join("id"), inner.join("id")).unwrap();
        for (mode, wanted) in [
            (0o755, format!("name another folder with --output, because {shown}/inner/id holds secret keys")),
            (0o700, format!("chmod a+x {shown}")),
        ] {
            durable::mode(&inner, mode).unwrap();
            assert_eq!(next(place.path(), false), wanted);
        }
    }

    #[test]
    fn each_folder_that_is_made_can_be_read_and_no_other_is_changed() {
        let place = temporary::folder().unwrap();
        make(&place.path().join("a/../b/c")).unwrap();
        let mode = |name: &str| fs::metadata(place.path().join(name)).unwrap().permissions().mode() & 0o777;
        assert_eq!([mode(""), mode("a"), mode("b"), mode("b/c")], [0o700, 0o755, 0o755, 0o755]);
    }
}

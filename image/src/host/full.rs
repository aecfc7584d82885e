//! Says which file system is full. A program that can't write says something else of it, or nothing.

use std::fs;
use std::io::{self, ErrorKind};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use pattern::table::Amount;
use rustix::fs::statvfs;

/// What programs write at once, and remove again when they fail.
const LITTLE: u64 = 64 << 10;
/// What programs say if they say it.
const SAID: [&str; 2] = ["No space left on device", "Disk quota exceeded"];

/// What to do.
const NEXT: &str = "make room there, and try again";

/// Adds to an error of something that writes below a folder that its file system is full, if it is.
pub(crate) fn explain(folder: &Path, error: anyhow::Error) -> anyhow::Error {
    let said = format!("{error:#}");
    match left(folder) {
        _ if said.contains(NEXT) || has_other_cause(&error) => error,
        Some(left) if left < LITTLE => error.context(full(&mount(folder), left)),
        Some(left) if SAID.iter().any(|words| said.contains(words)) => {
            error.context(used_up(&mount(folder), left))
        }
        _ => error,
    }
}

/// Returns whether the kernel said what else is the matter. A program that was started says it, or dies.
fn has_other_cause(error: &anyhow::Error) -> bool {
    let kinds = error.chain().filter_map(|cause| Some(cause.downcast_ref::<io::Error>()?.kind()));
    let unclear = [ErrorKind::StorageFull, ErrorKind::QuotaExceeded, ErrorKind::BrokenPipe, ErrorKind::Other];
    kinds.last().is_some_and(|kind| !unclear.contains(&kind))
}

fn full(mount: &Path, left: u64) -> String {
    let (mount, left) = (mount.display(), Amount(left));
    format!("the file system at {mount} is full ({left} left): {NEXT}")
}

/// It may have been full a moment ago, too.
fn used_up(mount: &Path, left: u64) -> String {
    let (mount, left) = (mount.display(), Amount(left));
    format!("the file system at {mount} was full or a quota is used up ({left} left now): {NEXT}")
}

/// Returns the bytes that can still be written, which are none if it can't take another file.
fn left(folder: &Path) -> Option<u64> {
    // What has no blocks at all, such as /proc, is not full.
    let found = statvfs(existing(folder)).ok().filter(|found| found.f_blocks > 0)?;
    let takes_files = found.f_files == 0 || found.f_favail > 0;
    Some(if takes_files { found.f_bavail.saturating_mul(found.f_frsize) } else { 0 })
}

/// Returns where the file system of a folder is mounted.
fn mount(folder: &Path) -> PathBuf {
    let folder = existing(folder);
    let device = |path: &Path| fs::metadata(path).map(|found| found.dev());
    let Ok(own) = device(&folder) else { return folder };
    let within = folder.ancestors().take_while(|path| device(path).is_ok_and(|other| other == own));
    within.last().unwrap_or(&folder).to_owned()
}

/// The folder may have been removed, or is not made yet.
fn existing(folder: &Path) -> PathBuf {
    let absolute = std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned());
    let found = absolute.ancestors().find_map(|path| match path.canonicalize() {
        Err(error) if error.kind() == ErrorKind::NotFound => None,
        found => found.ok(),
    });
    found.unwrap_or(absolute)
}

#[cfg(test)]
mod tests {
    use anyhow::anyhow;

    use super::*;
    use crate::host::temporary;

    #[test]
    fn a_file_system_is_named_by_where_it_is_mounted() {
        assert_eq!(mount(Path::new("/proc/self/task")), Path::new("/proc"));
        assert_eq!(mount(Path::new("/")), Path::new("/"));
        let wanted = "the file system at /mnt is full (4 KiB left): make room there, and try again";
        assert_eq!(full(Path::new("/mnt"), 4096), wanted);
    }

    #[test]
    fn only_a_lack_of_room_is_said_to_be_one() {
        assert_eq!(left(Path::new("/proc")), None);
        let of = |kind: ErrorKind| anyhow::Error::from(io::Error::from(kind)).context("creating x");
        for kind in [ErrorKind::NotFound, ErrorKind::PermissionDenied, ErrorKind::ReadOnlyFilesystem] {
            assert!(has_other_cause(&of(kind)), "{kind}");
        }
        for kind in [ErrorKind::StorageFull, ErrorKind::QuotaExceeded, ErrorKind::BrokenPipe] {
            assert!(!has_other_cause(&of(kind)), "{kind}");
        }
        assert!(!has_other_cause(&anyhow!("gpg: something")));
        let error = explain(Path::new("/proc/x"), of(ErrorKind::NotFound));
        assert_eq!(format!("{error:#}"), "creating x: entity not found");
    }

    /// A quota is not seen from outside.
    #[test]
    fn what_a_program_says_of_a_full_disk_counts_and_another_fault_is_left_alone() {
        let place = temporary::folder().unwrap();
        let said = |text: &'static str| format!("{:#}", explain(&place.path().join("none/x"), anyhow!(text)));
        for text in ["gpg: Disk quota exceeded", "writing x: No space left on device (os error 28)"] {
            let explained = said(text);
            assert!(explained.starts_with("the file system at /"), "{explained}");
            assert!(
                explained.ends_with(&format!(" left now): make room there, and try again: {text}")),
                "{explained}"
            );
        }
        assert_eq!(said("gpg: Invalid value"), "gpg: Invalid value");
        // It is said once.
        let inner = explain(place.path(), anyhow!("Disk quota exceeded"));
        let once = format!("{inner:#}");
        assert_eq!(format!("{:#}", explain(place.path(), inner)), once);
    }
}

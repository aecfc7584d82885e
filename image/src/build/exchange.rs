//! Puts a finished result in the place of the earlier one.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};
use rustix::fs::{CWD, RenameFlags, renameat_with};

use super::output;
use crate::host::{screen, signals};
use crate::release::MANIFEST;

/// Replaces a version's files in `to` with those in `new`, which is in the same file system. Other files in `to` stay.
///
/// # Errors
/// When a signal came: nothing is changed then. Or when something can't be moved.
pub(crate) fn into_place(base: &str, new: &Path, to: &Path) -> Result<()> {
    let replacing = || format!("replacing {}", to.display());
    signals::refuse_to_go_on().with_context(replacing)?;
    if fs::symlink_metadata(to).is_err() {
        return fs::rename(new, to).with_context(|| format!("creating {}", to.display()));
    }
    if has_only_ours(base, to)? && exchanged(new, to) {
        if let Err(error) = fs::remove_dir_all(new) {
            let shown = new.display();
            screen::warn(format_args!(
                "warning: the earlier result is not removed ({error}): remove {shown}"
            ));
        }
        return Ok(());
    }
    one_by_one(base, new, to)
}

/// Returns whether `to` is a folder, and not a link to one, with nothing but files of the version.
fn has_only_ours(base: &str, to: &Path) -> Result<bool> {
    let reading = || format!("reading {}", to.display());
    if !fs::symlink_metadata(to).with_context(reading)?.is_dir() {
        return Ok(false);
    }
    Ok(fs::read_dir(to).with_context(reading)?.count() == output::own(base, to)?.len())
}

/// Exchanges the folders in one step. Returns whether that was done: not each file system can do so, and a folder may be
/// a mount.
fn exchanged(new: &Path, to: &Path) -> bool {
    let Ok(found) = fs::metadata(to) else { return false };
    // Whoever could read the earlier one can read this one.
    fs::set_permissions(new, found.permissions()).is_ok()
        && renameat_with(CWD, new, CWD, to, RenameFlags::EXCHANGE).is_ok()
}

/// Without `SHA256SUMS`, the folder is not taken for a result. So it goes first and comes last.
fn one_by_one(base: &str, new: &Path, to: &Path) -> Result<()> {
    for name in output::own(base, to)? {
        let path = to.join(name);
        fs::remove_file(&path).with_context(|| format!("removing {}", path.display()))?;
    }
    let mut names = output::own(base, new)?;
    names.sort_by_key(|name| name == MANIFEST);
    for name in names {
        let path = to.join(&name);
        fs::rename(new.join(&name), &path).with_context(|| format!("moving {}", path.display()))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
    use std::path::PathBuf;

    use super::*;
    use crate::host::temporary;

    const NEW: [&str; 3] = ["SHA256SUMS", "x_1.efi", "x_1.raw"];

    /// A new result, and the place of an older one.
    fn results() -> (tempfile::TempDir, PathBuf, PathBuf) {
        let place = temporary::folder().unwrap();
        let (new, to) = (place.path().join("new"), place.path().join("to"));
        for (folder, names) in [(&new, &NEW[..]), (&to, &["SHA256SUMS", "x_1.raw", "x_1_0a_9.usr.raw"])] {
            fs::create_dir(folder).unwrap();
            let text = folder.file_name().unwrap().as_encoded_bytes();
            names.iter().for_each(|name| fs::write(folder.join(name), text).unwrap());
        }
        (place, new, to)
    }

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<_> = fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn a_result_takes_the_place_of_an_earlier_one_as_a_whole() {
        let (_place, new, to) = results();
        fs::set_permissions(&to, fs::Permissions::from_mode(0o750)).unwrap();
        let whole = fs::metadata(&new).unwrap().ino();
        into_place("x_1", &new, &to).unwrap();
        assert_eq!(names(&to), NEW);
        let found = fs::metadata(&to).unwrap();
        assert_eq!((found.ino(), found.mode() & 0o777), (whole, 0o750));
        assert!(!new.exists());
    }

    #[test]
    fn files_of_others_stay_and_so_does_a_link() {
        for is_link in [false, true] {
            let (place, new, to) = results();
            fs::write(to.join("notes.txt"), "mine").unwrap();
            let shown = place.path().join("shown");
            if is_link {
                fs::remove_file(to.join("notes.txt")).unwrap();
                symlink(&to, &shown).unwrap();
            } else {
                fs::rename(&to, &shown).unwrap();
            }
            into_place("x_1", &new, &shown).unwrap();
            let wanted = if is_link { &NEW[..] } else { &["SHA256SUMS", "notes.txt", "x_1.efi", "x_1.raw"] };
            assert_eq!(names(&shown), wanted);
            assert_eq!(fs::read_to_string(shown.join("x_1.raw")).unwrap(), "new");
            assert_eq!(fs::symlink_metadata(&shown).unwrap().is_symlink(), is_link);
        }
    }

    #[test]
    fn what_is_cut_off_between_files_is_not_taken_for_a_result() {
        let (_place, new, to) = results();
        fs::write(to.join("notes.txt"), "mine").unwrap();
        // A folder can't be removed as a file, so the run ends there.
        fs::remove_file(to.join("x_1.raw")).unwrap();
        fs::create_dir(to.join("x_1.raw")).unwrap();
        let error = format!("{:#}", into_place("x_1", &new, &to).unwrap_err());
        assert!(error.starts_with(&format!("removing {}/x_1.raw: ", to.display())), "{error}");
        assert!(!to.join("SHA256SUMS").exists() && new.join("SHA256SUMS").exists());
    }

    #[test]
    fn the_first_result_gets_a_folder() {
        let (_place, new, to) = results();
        fs::remove_dir_all(&to).unwrap();
        into_place("x_1", &new, &to).unwrap();
        assert_eq!(names(&to), NEW);
    }
}

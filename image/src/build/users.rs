//! `users.lock`: the numbers that users and groups have had in all versions of a system.
//!
//! Where `/var` is kept, files there belong to numbers. `image/mkosi/image/finalize/numbers` gives an image's users the
//! numbers that stand in the file, and adds those that are new.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::host::durable;
use crate::host::file;
use crate::host::screen::Screen;

const NAME: &str = "users.lock";
/// Where the image has it.
const PLACE: &str = "usr/lib/pattern";

/// Returns where the file of an image's folder is. It may be a link to that of another version's folder.
pub(super) fn file(folder: &Path) -> PathBuf {
    let file = folder.join(NAME);
    fs::read_link(&file).map_or(file, |target| folder.join(target))
}

/// Gives the image the file that the image's folder has. A new system has none.
///
/// # Errors
/// When it can't be copied.
pub(crate) fn give(folder: &Path, tree: &Path) -> Result<()> {
    let (from, place) = (folder.join(NAME), tree.join(PLACE));
    fs::create_dir_all(&place).with_context(|| format!("creating {}", place.display()))?;
    let copying = || format!("copying {}", from.display());
    if !from.try_exists().with_context(copying)? {
        return Ok(());
    }
    let copied = file::content(&from).and_then(|numbers| Ok(fs::write(place.join(NAME), numbers)?));
    copied.with_context(copying)
}

/// Keeps the file that the build made in the image's folder. Writes nothing if no user or group is new.
///
/// # Errors
/// When it can't be read or written.
pub(crate) fn keep(made: &Path, folder: &Path, screen: Screen) -> Result<()> {
    let (from, to) = (made.join(NAME), file(folder));
    let new = file::content(&from).with_context(|| format!("reading {}", from.display()))?;
    if file::content(&to).is_ok_and(|old| old == new) {
        return Ok(());
    }
    let writing = || {
        format!(
            "writing {}, which keeps the numbers of users in the next version: copy {} there, and build again",
            to.display(),
            from.display()
        )
    };
    // A full disk leaves the old file as it is.
    let part = to.with_extension("lock.new");
    fs::write(&part, new)
        .map_err(anyhow::Error::from)
        .and_then(|()| durable::sync(&part))
        .and_then(|()| durable::rename(&part, &to))
        .inspect_err(|_| {
            fs::remove_file(&part).ok();
        })
        .with_context(writing)?;
    screen
        .say(format_args!("{} has new users or groups; keep it with the image's other files", to.display()));
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;
    use crate::host::temporary;

    #[test]
    fn the_file_goes_into_the_image_and_comes_back_with_what_is_new() {
        let place = temporary::folder().unwrap();
        let [folder, tree, made] = ["folder", "tree", "made"].map(|name| {
            let path = place.path().join(name);
            fs::create_dir(&path).unwrap();
            path
        });
        give(&folder, &tree).unwrap();
        assert!(!tree.join(PLACE).join(NAME).exists());
        fs::write(made.join(NAME), "user one 101\n").unwrap();
        keep(&made, &folder, Screen::new(true)).unwrap();
        give(&folder, &tree).unwrap();
        assert_eq!(fs::read_to_string(tree.join(PLACE).join(NAME)).unwrap(), "user one 101\n");
    }

    #[test]
    fn a_file_with_nothing_new_is_not_written() {
        let place = temporary::folder().unwrap();
        let [folder, made] = ["folder", "made"].map(|name| place.path().join(name));
        fs::create_dir(&made).unwrap();
        fs::write(made.join(NAME), "user one 101\n").unwrap();
        // The folder is not there, so a write fails.
        let error = keep(&made, &folder, Screen::new(true)).unwrap_err().to_string();
        let copied = format!("copy {} there, and build again", made.join(NAME).display());
        assert!(error.starts_with("writing ") && error.contains(&copied), "{error}");
        symlink(&made, &folder).unwrap();
        keep(&made, &folder, Screen::new(true)).unwrap();
    }

    /// As demo-update has it.
    #[test]
    fn a_link_stays_a_link_and_a_file_that_can_not_be_written_stays_whole() {
        let place = temporary::folder().unwrap();
        let [folder, made] = ["folder", "made"].map(|name| place.path().join(name));
        [&folder, &made].iter().for_each(|path| fs::create_dir(path).unwrap());
        fs::write(made.join(NAME), "user one 101\n").unwrap();
        symlink("../shared", folder.join(NAME)).unwrap();
        let shared = || fs::read_to_string(place.path().join("shared")).unwrap();
        keep(&made, &folder, Screen::new(true)).unwrap();
        assert_eq!(shared(), "user one 101\n");
        assert!(folder.join(NAME).is_symlink());
        fs::write(made.join(NAME), "user two 102\n").unwrap();
        fs::create_dir_all(place.path().join("shared.lock.new/full")).unwrap();
        assert!(keep(&made, &folder, Screen::new(true)).is_err());
        assert_eq!(shared(), "user one 101\n");
    }
}

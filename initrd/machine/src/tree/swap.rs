//! Looks at one path of a tree, and exchanges one path of two trees. No directory above it may be a link.

use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use anyhow::{Context as _, Result, bail};
use nix::errno::Errno;
use nix::fcntl::{AtFlags, RenameFlags, renameat2};
use nix::sys::stat::fstatat;
use nix::unistd::fsync;
use pattern::etc::{self, Node};

use super::directory::{name, parent};
use super::node;

/// Something above it is not there, is not a directory, or is mounted there and so is not a part of the tree.
const ABSENT: [Errno; 4] = [Errno::ENOENT, Errno::ENOTDIR, Errno::ELOOP, Errno::EXDEV];

/// Reads what is at a path below a directory, without what is in it.
///
/// # Errors
/// When it can't be read. Nothing may be there.
pub fn at(root: &Path, path: &etc::Path) -> Result<Option<Node>> {
    match parent(root, path).and_then(|folder| node(&folder, name(path).as_bytes(), path)) {
        Ok((node, _)) => Ok(Some(node)),
        Err(error) if error.downcast_ref::<Errno>().is_some_and(|why| ABSENT.contains(why)) => Ok(None),
        Err(error) => Err(error.context(format!("reading {}/{path}", root.display()))),
    }
}

/// Exchanges what is at a path below two directories of one file system. If one has nothing there, it gets what the
/// other has. It is on the medium when this returns.
///
/// # Errors
/// When both have nothing there, or it can't be renamed. Nothing changed then.
pub fn swap(one: &Path, other: &Path, path: &etc::Path) -> Result<()> {
    let opened = |root: &Path| {
        parent(root, path).with_context(|| format!("opening the directory of {}/{path}", root.display()))
    };
    let (here, there, name) = (opened(one)?, opened(other)?, name(path));
    let has = |folder: &OwnedFd| match fstatat(folder, name, AtFlags::AT_SYMLINK_NOFOLLOW) {
        Err(Errno::ENOENT) => Ok(false),
        found => found.map(|_| true),
    };
    let about = || format!("exchanging {}/{path} and {}/{path}", one.display(), other.display());
    let (from, to, flags) = match (has(&here).with_context(about)?, has(&there).with_context(about)?) {
        (true, true) => (&here, &there, RenameFlags::RENAME_EXCHANGE),
        (true, false) => (&here, &there, RenameFlags::RENAME_NOREPLACE),
        (false, true) => (&there, &here, RenameFlags::RENAME_NOREPLACE),
        (false, false) => bail!("{}: nothing is there", about()),
    };
    renameat2(from, name, to, name, flags).with_context(about)?;
    [from, to].into_iter().try_for_each(fsync).with_context(about)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;
    use std::path::PathBuf;

    use pattern::etc::Kind;

    use super::*;

    fn path(text: &str) -> etc::Path {
        etc::Path::new(text).unwrap()
    }

    fn folders(name: &str) -> (PathBuf, PathBuf, PathBuf) {
        let folder = std::env::temp_dir().join(format!("pattern-swap-{name}-{}", std::process::id()));
        let (one, other) = (folder.join("one"), folder.join("other"));
        for root in [&one, &other] {
            fs::create_dir_all(root.join("ssh")).unwrap();
        }
        (folder, one, other)
    }

    #[test]
    fn a_path_changes_its_tree_with_what_is_in_it() {
        let (folder, one, other) = folders("path");
        fs::write(one.join("ssh/a"), "one").unwrap();
        fs::create_dir(other.join("ssh/a")).unwrap();
        fs::write(other.join("ssh/a/x"), "other").unwrap();
        swap(&one, &other, &path("ssh/a")).unwrap();
        assert_eq!(
            (fs::read(one.join("ssh/a/x")).unwrap(), fs::read(other.join("ssh/a")).unwrap()),
            (b"other".to_vec(), b"one".to_vec())
        );
        swap(&one, &other, &path("ssh/a/x")).unwrap_err();
        fs::remove_file(other.join("ssh/a")).unwrap();
        for there in [&other, &one] {
            swap(&one, &other, &path("ssh/a")).unwrap();
            assert!(there.join("ssh/a/x").exists());
        }
        let error = swap(&one, &other, &path("ssh/b")).unwrap_err().to_string();
        assert!(error.ends_with("/other/ssh/b: nothing is there"), "{error}");
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn no_link_is_followed() {
        let (folder, one, other) = folders("link");
        fs::create_dir(folder.join("outside")).unwrap();
        fs::write(folder.join("outside/a"), "outside").unwrap();
        fs::remove_dir(one.join("ssh")).unwrap();
        symlink("../outside", one.join("ssh")).unwrap();
        fs::write(other.join("ssh/a"), "other").unwrap();
        assert!(swap(&one, &other, &path("ssh/a")).is_err());
        assert_eq!(fs::read(folder.join("outside/a")).unwrap(), b"outside");
        assert_eq!(at(&one, &path("ssh/a")).unwrap(), None);
        assert_eq!(at(&one, &path("ssh")).unwrap().unwrap().kind, Kind::Link(b"../outside".to_vec()));
        assert_eq!(
            (at(&other, &path("ssh/a/b")).unwrap(), at(&other, &path("none/a")).unwrap()),
            (None, None)
        );
        fs::remove_dir_all(folder).unwrap();
    }
}

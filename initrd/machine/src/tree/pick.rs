//! Reads some paths of a directory tree, however much else is in it.

use std::ffi::OsStr;
use std::fs;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, anyhow};
use nix::fcntl::open;
use nix::sys::stat::{Mode, fstat};
use pattern::etc::{self, Tree};

use super::build::FOLDER;
use super::{is_gone, node_if, reading};

/// Reads what is at these paths, each directory before what is in it. `others` are the directories that it will be
/// compared with: of a file whose size is another one than in all of them, the content is not read.
///
/// # Errors
/// When the directory is not one, or something in it can't be read.
pub fn pick<'a>(
    directory: &Path,
    paths: impl IntoIterator<Item = &'a etc::Path>,
    others: &[PathBuf],
) -> Result<Tree> {
    let about = || reading(directory, None);
    let opened = open(directory, FOLDER, Mode::empty()).with_context(about)?;
    let device = fstat(&opened).with_context(about)?.st_dev;
    let mut picked = Picked { tree: Tree::default(), levels: vec![(None, opened)], device };
    for path in paths {
        picked.one(path, others).with_context(|| reading(directory, Some(path)))?;
    }
    Ok(picked.tree)
}

struct Picked {
    tree: Tree,
    /// The open directories, from the root on.
    levels: Vec<(Option<etc::Path>, OwnedFd)>,
    device: u64,
}

impl Picked {
    fn one(&mut self, path: &etc::Path, others: &[PathBuf]) -> Result<()> {
        while self
            .levels
            .pop_if(|(above, _)| above.as_ref().is_some_and(|above| !path.is_within(above)))
            .is_some()
        {}
        let Some((above, folder)) = self.levels.last() else { return Ok(()) };
        if path.parent() != *above {
            // Its directory is not there, or is something else.
            return Ok(());
        }
        let name = path.parts().last().unwrap_or_default();
        let is_read = |size: u64| others.iter().any(|other| has_size(other, path, size));
        let (node, opened) = match node_if(folder, name, path, &is_read) {
            Err(error) if is_gone(&error) => return Ok(()),
            found => found?,
        };
        self.tree.insert(path.clone(), node).map_err(|_| anyhow!("it is not in its directory"))?;
        // What is mounted there is not a part of it.
        if let Some(opened) = opened
            && fstat(&opened)?.st_dev == self.device
        {
            self.levels.push((Some(path.clone()), opened));
        }
        Ok(())
    }
}

fn has_size(directory: &Path, path: &etc::Path, size: u64) -> bool {
    let found = fs::symlink_metadata(directory.join(OsStr::from_bytes(path.bytes())));
    found.is_ok_and(|found| found.is_file() && found.len() == size)
}

//! Reads some paths of a directory tree, however much else is in it.

use std::os::fd::OwnedFd;
use std::path::Path;

use anyhow::{Context as _, Result, anyhow};
use nix::fcntl::open;
use nix::sys::stat::{Mode, fstat};
use pattern::etc::{self, Tree};

use super::build::FOLDER;
use super::{is_gone, node_if, reading};

/// Reads what is at these paths, each directory before what is in it. `is_read` says by the path and the size of a
/// file, in bytes, whether its content is read. If not, it is like no other.
///
/// # Errors
/// When the directory is not one, or something in it can't be read.
pub fn pick<'a>(
    directory: &Path,
    paths: impl IntoIterator<Item = &'a etc::Path>,
    is_read: &dyn Fn(&etc::Path, u64) -> bool,
) -> Result<Tree> {
    let about = || reading(directory, None);
    let opened = open(directory, FOLDER, Mode::empty()).with_context(about)?;
    let device = fstat(&opened).with_context(about)?.st_dev;
    let mut picked = Picked { tree: Tree::default(), levels: vec![(None, opened)], device };
    for path in paths {
        picked.one(path, is_read).with_context(|| reading(directory, Some(path)))?;
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
    fn one(&mut self, path: &etc::Path, is_read: &dyn Fn(&etc::Path, u64) -> bool) -> Result<()> {
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
        let (node, opened) = match node_if(folder, name, path, &|size| is_read(path, size)) {
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

//! Makes a directory tree of what other trees have. Each file is cloned, copied or written. Links are made
//! and never followed.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use anyhow::{Context as _, Result, anyhow, bail};
use nix::errno::Errno;
use nix::fcntl::{OFlag, open, openat};
use nix::sys::stat::{FileStat, Mode, SFlag, fstat, mkdirat, mknodat};
use nix::unistd::symlinkat;
use pattern::etc::{self, Kind, Node, Tree};
use zeroize::Zeroizing;

use super::directory::form;
use super::finish::{self, Place};
use crate::ioctl;

pub(super) const FOLDER: OFlag =
    OFlag::O_RDONLY.union(OFlag::O_DIRECTORY).union(OFlag::O_NOFOLLOW).union(OFlag::O_CLOEXEC);
const READ: OFlag = OFlag::O_RDONLY
    .union(OFlag::O_NOFOLLOW)
    .union(OFlag::O_NONBLOCK)
    .union(OFlag::O_NOCTTY)
    .union(OFlag::O_CLOEXEC);
pub(super) const MAKE: OFlag = OFlag::O_WRONLY
    .union(OFlag::O_CREAT)
    .union(OFlag::O_EXCL)
    .union(OFlag::O_NOFOLLOW)
    .union(OFlag::O_CLOEXEC);

/// Bytes of a file that is copied through memory.
const SHORT: u64 = 64 << 10;

/// A tree that lies in a directory.
#[derive(Clone, Copy)]
pub struct Source<'a> {
    /// The directory.
    pub root: &'a Path,
    /// What was read there.
    pub tree: &'a Tree,
}

/// Makes a directory with a tree in it. What a source has with the same content comes from the first that has
/// it, with its times; the directory itself is as the first source's. Owners, modes and extended attributes
/// are those of the tree, and flags such as "immutable" those of the first source.
///
/// # Errors
/// When something is there, or the content is not known, or it can't be made. The message names it.
pub fn build(target: &Path, tree: &Tree, sources: &[Source<'_>]) -> Result<()> {
    let about = || format!("making {}", target.display());
    nix::unistd::mkdir(target, Mode::S_IRWXU).with_context(about)?;
    let made = open(target, FOLDER, Mode::empty()).with_context(about)?;
    let from = sources.iter().map(|source| {
        let opened = open(source.root, FOLDER, Mode::empty());
        opened.map(Some).with_context(|| format!("reading {}", source.root.display()))
    });
    let root = Level { path: None, made, from: from.collect::<Result<_>>()? };
    // Where the root has no label of SELinux, nothing below it has one.
    let labelled = sources.iter().any(|source| finish::is_labelled(source.root));
    let mut builder = Builder { target, tree, sources, labelled, levels: vec![root] };
    for (path, node) in tree.iter() {
        builder.leave(|level| level.path.as_ref().is_none_or(|above| path.is_within(above)))?;
        builder.enter(path, node).with_context(|| format!("making {}/{path}", target.display()))?;
    }
    builder.leave(|_| false)
}

struct Builder<'a> {
    target: &'a Path,
    tree: &'a Tree,
    sources: &'a [Source<'a>],
    /// Whether something may have a label of SELinux.
    labelled: bool,
    /// The directories that are being filled, from the root on.
    levels: Vec<Level>,
}

/// A directory that is being filled, and the same one in each source that has it.
struct Level {
    path: Option<etc::Path>,
    made: OwnedFd,
    from: Vec<Option<OwnedFd>>,
}

impl Level {
    fn source(&self, index: usize) -> Result<&OwnedFd> {
        self.from.get(index).and_then(Option::as_ref).context("the directory of its source is not open")
    }
}

impl Builder<'_> {
    /// Completes the directories that are full: what is made in a directory changes its times.
    fn leave(&mut self, stays: impl Fn(&Level) -> bool) -> Result<()> {
        while let Some(level) = self.levels.pop_if(|level| !stays(level)) {
            let meta = level.path.as_ref().and_then(|path| self.tree.get(path)).map(|node| &node.meta);
            let like = level.from.iter().flatten().next();
            let is_first = level.from.first().is_some_and(Option::is_some);
            let finished = finish::directory(&level.made, meta, like, is_first, self.labelled);
            let shown = level.path.map(|path| format!("/{path}")).unwrap_or_default();
            finished.with_context(|| format!("making {}{shown}", self.target.display()))?;
        }
        Ok(())
    }

    /// Makes what is at a path, in the directory that was entered last.
    fn enter(&mut self, path: &etc::Path, node: &Node) -> Result<()> {
        let level = self.levels.last().context("it has no directory")?;
        let name = OsStr::from_bytes(path.parts().last().unwrap_or_default());
        let whole = self.sources.iter().position(|source| has(source, path, |kind| *kind == node.kind));
        let near = whole.or_else(|| self.sources.iter().position(|source| has(source, path, |_| true)));
        let like = near.map(|index| level.source(index)).transpose()?;
        let place = Place { folder: &level.made, name, like, labelled: self.labelled };
        match &node.kind {
            Kind::Directory => {
                let next = self.folder(level, path, name)?;
                self.levels.push(next);
                return Ok(());
            }
            Kind::File(content) => {
                let file = File::from(openat(&level.made, name, MAKE, Mode::S_IRUSR | Mode::S_IWUSR)?);
                let source = whole.map(|index| source_file(level.source(index)?, name)).transpose()?;
                match &source {
                    Some((source, found)) => copy(source, found.st_size.cast_unsigned(), &file)?,
                    None => (&file).write_all(content.text().context("its content is not known")?)?,
                }
                return finish::file(&file, &node.meta, place, source.as_ref(), whole == Some(0));
            }
            Kind::Link(to) => symlinkat(OsStr::from_bytes(to), &level.made, name)?,
            Kind::Special { form, device } => {
                let form = SFlag::from_bits_truncate(*form) & SFlag::S_IFMT;
                mknodat(&level.made, name, form, Mode::S_IRUSR | Mode::S_IWUSR, *device)?;
            }
        }
        finish::other(place, node)
    }

    /// Makes a directory, and opens the same one in each source that has it.
    fn folder(&self, level: &Level, path: &etc::Path, name: &OsStr) -> Result<Level> {
        mkdirat(&level.made, name, Mode::S_IRWXU)?;
        let made = openat(&level.made, name, FOLDER, Mode::empty())?;
        let opened = self.sources.iter().zip(&level.from).map(|(source, from)| match from {
            Some(from) if has(source, path, |kind| *kind == Kind::Directory) => {
                source_folder(from, name).map(Some)
            }
            _ => Ok(None),
        });
        let from = opened.collect::<Result<_>>()?;
        Ok(Level { path: Some(path.clone()), made, from })
    }
}

fn has(source: &Source<'_>, path: &etc::Path, is: impl Fn(&Kind) -> bool) -> bool {
    source.tree.get(path).is_some_and(|node| is(&node.kind))
}

/// Opens a directory of a source. What is mounted there was not read, nor what is in a subvolume.
fn source_folder(folder: &OwnedFd, name: &OsStr) -> Result<OwnedFd> {
    let opened = openat(folder, name, FOLDER, Mode::empty())?;
    if fstat(&opened)?.st_dev != fstat(folder)?.st_dev {
        bail!("its source is a file system or a subvolume of its own");
    }
    Ok(opened)
}

/// Opens a file of a source, which may have become something else.
pub(super) fn source_file(folder: &OwnedFd, name: &OsStr) -> Result<(File, FileStat)> {
    let file = openat(folder, name, READ, Mode::empty())?;
    let found = fstat(&file)?;
    if form(&found) != SFlag::S_IFREG {
        bail!("it changes while it is read");
    }
    Ok((File::from(file), found))
}

/// Has both files share their blocks where the file system can, and else copies so many bytes or more.
fn copy(mut source: &File, size: u64, mut file: &File) -> Result<()> {
    match ioctl::clone(file, source) {
        Ok(()) => Ok(()),
        Err(error) if error.raw_os_error() == Some(Errno::ENOSPC as i32) => Err(error.into()),
        Err(_) if size <= SHORT => {
            // Most files are short. io::copy asks the kernel for four more ways before it reads.
            let mut content = Zeroizing::new(Vec::with_capacity(usize::try_from(size)? + 1));
            source.read_to_end(&mut content)?;
            Ok(file.write_all(&content)?)
        }
        Err(_) => io::copy(&mut source, &mut file).map(|_| ()).map_err(|error| anyhow!(error)),
    }
}

#[cfg(test)]
mod tests;

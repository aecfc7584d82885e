//! The steps. A copy is made under another name, so there is all of it or none. It is put back path by path, each at
//! once, and a copy whose inode is at the path was put back already. A power cut leaves steps undone, and the next
//! boot goes on.

use std::ffi::OsStr;
use std::fs::{self, DirBuilder};
use std::io::ErrorKind;
use std::os::fd::OwnedFd;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::Path;

use anyhow::{Context as _, Error, Result, bail};
use nix::errno::Errno;
use nix::fcntl::{AtFlags, OFlag, RenameFlags, open, renameat2};
use nix::sys::stat::{FileStat, Mode, SFlag, fstatat};
use nix::sys::statvfs::statvfs;
use pattern::etc::{self, Mark};
use pattern::rollback::{Entry, Note, room};
use pattern_machine::tree::{self, Size, name};

use super::layout::Layout;
use crate::volume::etc::layout::gone;
use crate::volume::etc::steps::{rename, sync};

/// What is copied, and why.
#[derive(Clone, Copy)]
pub(super) struct Copying<'a> {
    pub(super) layout: &'a Layout,
    /// The version that left it.
    pub(super) of: &'a Mark,
    pub(super) trial: &'a Mark,
    pub(super) asked: &'a [etc::Path],
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Step {
    /// Remove copies that nobody needs any more.
    Clear,
    /// Make the copy under another name.
    Copy,
    /// Have everything on the medium.
    Sync,
    /// Give it its name.
    Name,
}

pub(super) const COPY: &[Step] = &[Step::Clear, Step::Copy, Step::Sync, Step::Name, Step::Sync];

impl Copying<'_> {
    /// Does all steps.
    pub(super) fn run(&self) -> Result<Note> {
        self.steps(COPY)
    }

    pub(super) fn steps(&self, steps: &[Step]) -> Result<Note> {
        let (of, trial) = (self.of.clone(), self.trial.clone());
        let mut note = Note { of, trial, entries: Vec::new() };
        for step in steps {
            let layout = self.layout;
            match step {
                Step::Clear => self.clear()?,
                Step::Copy => self.copy(&mut note)?,
                Step::Sync => sync(&layout.own())?,
                Step::Name => rename(&layout.copy(), &layout.before())?,
            }
        }
        Ok(note)
    }

    fn clear(&self) -> Result<()> {
        let layout = self.layout;
        layout.prepare()?;
        forget(layout)?;
        gone(&layout.aside())
    }

    fn copy(&self, note: &mut Note) -> Result<()> {
        self.has_room()?;
        let copy = self.layout.copy();
        directory(&copy)?;
        for (index, path) in self.asked.iter().enumerate() {
            let inode = self.one(path, &Layout::entry(&copy, index));
            let inode = inode.with_context(|| format!("copying /var/{path}"))?;
            note.entries.push(Entry { path: path.clone(), inode });
        }
        let place = Layout::note_in(&copy);
        fs::write(&place, note.bytes()).with_context(|| format!("writing {}", place.display()))
    }

    /// Copies a path into a directory. Returns the number of the copy.
    fn one(&self, path: &etc::Path, into: &Path) -> Result<Option<u64>> {
        let Some((folder, found)) = look(&self.layout.var(), path)? else { return Ok(None) };
        if tree::form(&found) == SFlag::S_IFLNK {
            log::warn!("/var/{path} is a link: it is copied itself, and not what it leads to");
        }
        directory(into)?;
        let into = opened(into)?;
        tree::copy(&folder, name(path), &into)?;
        Ok(status(&into, name(path))?.map(|copy| copy.st_ino))
    }

    fn has_room(&self) -> Result<()> {
        let mut all = Size::default();
        for path in self.asked {
            let Some((folder, _)) = look(&self.layout.var(), path)? else { continue };
            let size = tree::measure(&folder, name(path)).with_context(|| format!("/var/{path}"))?;
            all.names = all.names.saturating_add(size.names);
            all.bytes = all.bytes.saturating_add(size.bytes);
        }
        let own = self.layout.own();
        let about = || format!("asking how full {} is", own.display());
        let (facts, shares) =
            (statvfs(&own).with_context(about)?, tree::shares(&opened(&own)?).with_context(about)?);
        let bytes = |blocks: u64| blocks.saturating_mul(facts.fragment_size());
        Ok(room(bytes(facts.blocks()), bytes(facts.blocks_available()), all.names, all.bytes, shares)?)
    }
}

/// Removes the copy. It gets another name first: half a copy must not be put back.
pub(super) fn forget(layout: &Layout) -> Result<()> {
    layout.clear()?;
    match fs::rename(layout.before(), layout.copy()) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error).with_context(|| format!("renaming {}", layout.before().display())),
        Ok(()) => {
            sync(&layout.own())?;
            layout.clear()
        }
    }
}

/// Puts each path back, and what was there aside. What can't be put back is logged, and counted. It is not tried again:
/// the version that starts now goes on with what is there.
pub(super) fn put_back(layout: &Layout, note: &Note) -> Result<usize> {
    let failed = exchange(layout, note, usize::MAX);
    sync(&layout.own())?;
    gone(&layout.aside())?;
    rename(&layout.before(), &layout.aside())?;
    sync(&layout.own())?;
    Ok(failed)
}

/// Puts the first paths back, so many. Returns how many failed.
pub(super) fn exchange(layout: &Layout, note: &Note, most: usize) -> usize {
    let entries = note.entries.iter().enumerate().take(most);
    let failed = entries.filter(|(index, entry)| {
        let done = one_back(layout, *index, entry);
        done.inspect_err(|error| {
            let place = layout.aside_shown();
            log::error!(
                "putting /var/{} back: {error:#}; the copy is kept in {place}/{index} on the volume",
                entry.path
            );
        })
        .is_err()
    });
    failed.count()
}

fn one_back(layout: &Layout, index: usize, entry: &Entry) -> Result<()> {
    let (path, name) = (&entry.path, name(&entry.path));
    let place = Layout::entry(&layout.before(), index);
    let Some(inode) = entry.inode else {
        let Some((folder, _)) = look(&layout.var(), path)? else { return Ok(()) };
        if !place.is_dir() {
            directory(&place)?;
        }
        return moved(&folder, &opened(&place)?, name, RenameFlags::RENAME_NOREPLACE);
    };
    let folder = tree::prepared(&layout.var(), path)?;
    let there = status(&folder, name)?;
    if there.is_some_and(|there| there.st_ino == inode) {
        return Ok(());
    }
    let copy = opened(&place)?;
    if status(&copy, name)?.is_none_or(|copy| copy.st_ino != inode) {
        bail!("it is not there any more, or another one");
    }
    let flags = if there.is_some() { RenameFlags::RENAME_EXCHANGE } else { RenameFlags::RENAME_NOREPLACE };
    moved(&copy, &folder, name, flags)
}

fn moved(from: &OwnedFd, to: &OwnedFd, name: &OsStr, flags: RenameFlags) -> Result<()> {
    Ok(renameat2(from, name, to, name, flags)?)
}

/// Returns what is at a path of a tree, and the directory that it is in.
fn look(root: &Path, path: &etc::Path) -> Result<Option<(OwnedFd, FileStat)>> {
    let folder = match tree::parent(root, path) {
        Err(error) if error.downcast_ref::<Errno>() == Some(&Errno::ENOENT) => return Ok(None),
        folder => folder?,
    };
    Ok(status(&folder, name(path))?.map(|found| (folder, found)))
}

fn status(folder: &OwnedFd, name: &OsStr) -> Result<Option<FileStat>> {
    match fstatat(folder, name, AtFlags::AT_SYMLINK_NOFOLLOW) {
        Err(Errno::ENOENT) => Ok(None),
        found => found.map(Some).map_err(Error::from),
    }
}

fn directory(path: &Path) -> Result<()> {
    DirBuilder::new().mode(0o700).create(path).with_context(|| format!("making {}", path.display()))
}

fn opened(path: &Path) -> Result<OwnedFd> {
    let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
    open(path, flags, Mode::empty()).with_context(|| format!("opening {}", path.display()))
}

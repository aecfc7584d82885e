//! Copies anything with everything that is in it, however much that is: nothing but one name and one block is in
//! memory. Files share their blocks with the copies where the file system can. Links are copied and never followed.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt as _;

use anyhow::{Context as _, Result, anyhow, bail};
use nix::errno::Errno;
use nix::fcntl::{AtFlags, OFlag, openat, readlinkat};
use nix::sys::stat::{FileStat, Mode, SFlag, fstat, fstatat, mkdirat, mknodat};
use nix::unistd::{Whence, linkat, lseek, symlinkat};
use pattern::etc::{Kind, Meta, Node};

use super::build::{FOLDER, MAKE, source_file};
use super::directory::{entries, form};
use super::finish::{self, Place};
use super::{DEEPEST, attributes, meta};
use crate::ioctl;

/// Files that have several names are remembered until all of them are copied.
const LINKED: usize = 100_000;
/// Bytes of their paths. Each may have some thousands.
const LINKED_BYTES: usize = 32 << 20;

/// How much there is to copy.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct Size {
    /// Files, directories, links and all else.
    pub names: u64,
    /// Bytes on the medium.
    pub bytes: u64,
}

/// Finds out how much is at a name in an open directory.
///
/// # Errors
/// When something can't be looked at, or is on another file system.
pub fn measure(folder: &OwnedFd, name: &OsStr) -> Result<Size> {
    let mut size = Size::default();
    let device = fstat(folder)?.st_dev;
    walk(folder, name, 0, &mut |_, _, found| {
        refuse_other(found, device)?;
        size.names += 1;
        size.bytes = size.bytes.saturating_add(found.st_blocks.cast_unsigned().saturating_mul(512));
        Ok(())
    })?;
    Ok(size)
}

/// Calls a function for what is at a name, and for everything in it.
fn walk(
    folder: &OwnedFd,
    name: &OsStr,
    depth: usize,
    each: &mut dyn FnMut(&OwnedFd, &OsStr, &FileStat) -> Result<()>,
) -> Result<()> {
    let found = fstatat(folder, name, AtFlags::AT_SYMLINK_NOFOLLOW)?;
    each(folder, name, &found)?;
    if form(&found) != SFlag::S_IFDIR {
        return Ok(());
    }
    limit(depth)?;
    let opened = openat(folder, name, FOLDER, Mode::empty())?;
    entries(&opened, &mut |name| {
        walk(&opened, name, depth + 1, each).with_context(|| name.display().to_string())
    })
}

fn limit(depth: usize) -> Result<()> {
    if depth >= DEEPEST { Err(anyhow!("more than {DEEPEST} directories in each other")) } else { Ok(()) }
}

fn refuse_other(found: &FileStat, device: u64) -> Result<()> {
    if found.st_dev == device {
        Ok(())
    } else {
        Err(anyhow!("it is a file system or a subvolume of its own"))
    }
}

/// Copies what is at a name in an open directory into another one, with owners, modes, times, extended attributes
/// and flags. Several names of one file are the same in the copy.
///
/// # Errors
/// When something can't be copied, or is on another file system. What was made stays.
pub fn copy(from: &OwnedFd, name: &OsStr, to: &OwnedFd) -> Result<()> {
    let device = fstat(from)?.st_dev;
    let mut copier = Copier { device, to, path: Vec::new(), linked: BTreeMap::new(), room: LINKED_BYTES };
    copier.one(Step { from, to, name, depth: 0 })
}

/// One name, in both open directories.
#[derive(Clone, Copy)]
struct Step<'a> {
    from: &'a OwnedFd,
    to: &'a OwnedFd,
    name: &'a OsStr,
    depth: usize,
}

struct Copier<'a> {
    device: u64,
    to: &'a OwnedFd,
    /// The directories below [`to`](Self::to) that are being copied, each with a `/` behind it.
    path: Vec<u8>,
    /// Paths below `to` of files that have more names, by inode, and how many of those are to come.
    linked: BTreeMap<u64, (Vec<u8>, u64)>,
    /// How many more bytes these paths may have.
    room: usize,
}

impl Copier<'_> {
    fn one(&mut self, step: Step<'_>) -> Result<()> {
        let Step { from, to, name, .. } = step;
        let found = fstatat(from, name, AtFlags::AT_SYMLINK_NOFOLLOW)?;
        refuse_other(&found, self.device)?;
        if form(&found) == SFlag::S_IFDIR {
            return self.directory(step);
        }
        // A socket is useless without the program that listens on it.
        if form(&found) == SFlag::S_IFSOCK || found.st_nlink > 1 && self.link(&found, to, name)? {
            return Ok(());
        }
        let meta = meta(&found, attributes(from, name)?);
        let place = Place { folder: to, name, like: Some(from), labelled: true };
        let kind = match form(&found) {
            SFlag::S_IFREG => {
                let source = source_file(from, name)?;
                let made = File::from(openat(to, name, MAKE, Mode::S_IRUSR | Mode::S_IWUSR)?);
                content(&source.0, &made)?;
                return finish::file(&made, &meta, place, Some(&source), true);
            }
            SFlag::S_IFLNK => {
                let target = readlinkat(from, name)?;
                symlinkat(&*target, to, name)?;
                Kind::Link(target.as_bytes().to_vec())
            }
            form => {
                mknodat(to, name, form, Mode::S_IRUSR | Mode::S_IWUSR, found.st_rdev)?;
                Kind::Special { form: form.bits(), device: found.st_rdev }
            }
        };
        finish::other(place, &Node { kind, meta })
    }

    fn directory(&mut self, step: Step<'_>) -> Result<()> {
        let Step { from, to, name, depth } = step;
        limit(depth)?;
        let opened = openat(from, name, FOLDER, Mode::empty())?;
        mkdirat(to, name, Mode::S_IRWXU)?;
        let made = openat(to, name, FOLDER, Mode::empty())?;
        let above = self.path.len();
        self.path.extend([name.as_bytes(), b"/"].concat());
        entries(&opened, &mut |name| {
            let copied = self.one(Step { from: &opened, to: &made, name, depth: depth + 1 });
            copied.with_context(|| name.display().to_string())
        })?;
        self.path.truncate(above);
        let own: Meta = meta(&fstat(&opened)?, attributes(&opened, OsStr::new("."))?);
        finish::directory(&made, Some(&own), Some(&opened), true, true)
    }

    /// Makes another name of a file that was copied before. Returns whether it was.
    fn link(&mut self, found: &FileStat, to: &OwnedFd, name: &OsStr) -> Result<bool> {
        if let Some((first, more)) = self.linked.get_mut(&found.st_ino) {
            linkat(self.to, OsStr::from_bytes(first), to, name, AtFlags::empty())?;
            *more = more.saturating_sub(1);
            if *more == 0 {
                self.room = self.room.saturating_add(first.len());
                self.linked.remove(&found.st_ino);
            }
            return Ok(true);
        }
        if self.linked.len() >= LINKED {
            bail!("more than {LINKED} files with several names");
        }
        let path = [&self.path[..], name.as_bytes()].concat();
        let Some(room) = self.room.checked_sub(path.len()) else {
            bail!("more than {} MiB of paths of files with several names", LINKED_BYTES >> 20);
        };
        self.room = room;
        self.linked.insert(found.st_ino, (path, found.st_nlink.saturating_sub(1)));
        Ok(false)
    }
}

/// Returns whether two files in this directory can share their blocks. Whatever the answer is, nothing stays.
///
/// # Errors
/// When files can't be made there.
pub fn shares(folder: &OwnedFd) -> Result<bool> {
    let nameless = || -> Result<File> {
        let flags = OFlag::O_TMPFILE | OFlag::O_RDWR | OFlag::O_CLOEXEC;
        Ok(File::from(openat(folder, ".", flags, Mode::S_IRUSR)?))
    };
    let (mut one, other) = (nameless()?, nameless()?);
    // An empty file has no blocks that could be shared.
    one.write_all(&[1; 4096])?;
    Ok(ioctl::clone(&other, &one).is_ok())
}

/// Has both files share their blocks where the file system can, and else copies what is not a hole.
fn content(source: &File, file: &File) -> Result<()> {
    match ioctl::clone(file, source) {
        Ok(()) => Ok(()),
        Err(error) if error.raw_os_error() == Some(Errno::ENOSPC as i32) => Err(error.into()),
        Err(_) => sparse(source, file),
    }
}

fn sparse(mut source: &File, mut file: &File) -> Result<()> {
    let size = source.metadata()?.len();
    let mut at: i64 = 0;
    loop {
        let start = match lseek(source, at, Whence::SeekData) {
            // There is nothing more.
            Err(Errno::ENXIO) => break,
            start => start?,
        };
        let end = lseek(source, start, Whence::SeekHole)?;
        source.seek(SeekFrom::Start(start.cast_unsigned()))?;
        file.seek(SeekFrom::Start(start.cast_unsigned()))?;
        io::copy(&mut source.take(end.saturating_sub(start).cast_unsigned()), &mut file)?;
        at = end;
    }
    Ok(file.set_len(size)?)
}

#[cfg(test)]
mod tests;

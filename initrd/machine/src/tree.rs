//! Reads a directory tree as `pattern::etc` compares it, makes one and removes one. Links are never followed,
//! and nothing that could wait is opened.

mod build;
mod copy;
mod directory;
mod finish;
mod pick;
mod place;
mod remove;
mod swap;

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, ErrorKind, Read as _};
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Error, Result, anyhow, bail};
use nix::errno::Errno;
use nix::fcntl::{AtFlags, OFlag, open, openat, readlinkat};
use nix::sys::stat::{FileStat, Mode, SFlag, fstat, fstatat};
use pattern::etc::{self, Content, Kind, Meta, Node, Tree};
use sha2::{Digest as _, Sha256};
use xattr::{FileExt as _, XAttrs};
use zeroize::Zeroizing;

pub use build::{Source, build};
pub use copy::{Size, copy, measure, shares};
use directory::entries;
pub use directory::{form, name, parent, prepared};
pub use pick::pick;
pub use place::{Placed, change, place, withdraw};
pub use remove::remove;
pub use swap::{at, swap};

/// More than any `/etc` has, so that nothing fills the memory.
const MOST: usize = 200_000;
/// Each level needs a file descriptor.
const DEEPEST: usize = 100;
/// Longer files are compared by their hashes alone.
const LONGEST: u64 = 1 << 20;
/// How much of a file is read at once.
const BLOCK: usize = 64 << 10;
/// The hash of a content that is not read: that of no file.
const UNREAD: [u8; 32] = [0; 32];
/// A label of SELinux follows from the path and the policy, and is nobody's change.
const LABEL: &str = "security.selinux";
/// XFS shows access control lists once more under names of its own, and no other file system does (the kernel's
/// fs/xfs/libxfs/xfs_format.h, `SGI_ACL_FILE`).
const LISTS_OF_XFS: [&str; 2] = ["trusted.SGI_ACL_FILE", "trusted.SGI_ACL_DEFAULT"];

/// Reads what is in a directory, at any depth. Something that vanishes meanwhile was not there.
///
/// # Errors
/// When the directory is not one, or something in it can't be read.
pub fn read(directory: &Path) -> Result<Tree> {
    let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
    let about = || format!("reading {}", directory.display());
    let opened = open(directory, flags, Mode::empty()).with_context(about)?;
    let device = fstat(&opened).with_context(about)?.st_dev;
    let mut reader = Reader { root: directory, device, tree: Tree::default(), count: 0 };
    reader.entries(&opened, None, 0)?;
    Ok(reader.tree)
}

struct Reader<'a> {
    root: &'a Path,
    device: u64,
    tree: Tree,
    count: usize,
}

impl Reader<'_> {
    /// Reads the entries of an open directory.
    fn entries(&mut self, directory: &OwnedFd, path: Option<&etc::Path>, depth: usize) -> Result<()> {
        let root = self.root;
        let about = || reading(root, path);
        if depth > DEEPEST {
            bail!("{}: more than {DEEPEST} directories in each other", about());
        }
        for name in names(directory).with_context(about)? {
            let below = match path {
                Some(path) => path.join(&name),
                None => etc::Path::new(name.clone()),
            };
            let below = below.map_err(|_| anyhow!("{}: {name:?} is not a name", about()))?;
            self.entry(directory, &name, below, depth)?;
        }
        Ok(())
    }

    /// Reads one entry, and what is in it.
    fn entry(&mut self, directory: &OwnedFd, name: &[u8], path: etc::Path, depth: usize) -> Result<()> {
        let about = reading(self.root, Some(&path));
        self.count += 1;
        if self.count > MOST {
            bail!("{about}: more than {MOST} files");
        }
        let (node, opened) = match node(directory, name, &path) {
            Err(error) if is_gone(&error) => return Ok(()),
            found => found.context(about.clone())?,
        };
        let misplaced = |_| anyhow!("{about}: it is not in its directory");
        self.tree.insert(path.clone(), node).map_err(misplaced)?;
        match opened {
            // What is mounted there is not a part of it.
            Some(opened) if fstat(&opened).context(about.clone())?.st_dev == self.device => {
                self.entries(&opened, Some(&path), depth + 1)
            }
            _ => Ok(()),
        }
    }
}

fn reading(root: &Path, path: Option<&etc::Path>) -> String {
    let root = root.display();
    path.map_or_else(|| format!("reading {root}"), |path| format!("reading {root}/{path}"))
}

/// Reads what is at a name. A directory is returned open.
fn node(directory: &OwnedFd, name: &[u8], path: &etc::Path) -> Result<(Node, Option<OwnedFd>)> {
    node_if(directory, name, path, &|_| true)
}

/// Does the same. `is_read` says by the size of a file whether its content is read. If not, it is like no other.
fn node_if(
    directory: &OwnedFd,
    name: &[u8],
    path: &etc::Path,
    is_read: &dyn Fn(u64) -> bool,
) -> Result<(Node, Option<OwnedFd>)> {
    let name = OsStr::from_bytes(name);
    let found = fstatat(directory, name, AtFlags::AT_SYMLINK_NOFOLLOW)?;
    let form = form(&found);
    let flags = OFlag::O_RDONLY | OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK | OFlag::O_NOCTTY | OFlag::O_CLOEXEC;
    let (kind, meta, opened) = match form {
        SFlag::S_IFREG => {
            let mut file = File::from(openat(directory, name, flags, Mode::empty())?);
            let found = fstat(&file)?;
            if self::form(&found) != SFlag::S_IFREG {
                bail!("it changes while it is read; try again");
            }
            let size = found.st_size.cast_unsigned();
            let content = if is_read(size) {
                content(&mut file, size, etc::has_text(path))?
            } else {
                Content::of_hash(UNREAD, size)
            };
            (Kind::File(content), meta(&found, attributes_of(&file)?), None)
        }
        SFlag::S_IFDIR => {
            let opened = File::from(openat(directory, name, flags | OFlag::O_DIRECTORY, Mode::empty())?);
            let meta = meta(&fstat(&opened)?, attributes_of(&opened)?);
            (Kind::Directory, meta, Some(OwnedFd::from(opened)))
        }
        SFlag::S_IFLNK => {
            let to = readlinkat(directory, name)?.as_bytes().to_vec();
            (Kind::Link(to), meta(&found, attributes(directory, name)?), None)
        }
        _ => {
            let kind = Kind::Special { form: form.bits(), device: found.st_rdev };
            (kind, meta(&found, attributes(directory, name)?), None)
        }
    };
    Ok((Node { kind, meta }, opened))
}

fn meta(found: &FileStat, attributes: Vec<(Vec<u8>, Vec<u8>)>) -> Meta {
    let (owner, group, mode) = (found.st_uid, found.st_gid, found.st_mode & 0o7777);
    Meta { owner, group, mode, attributes: attributes.into_iter().collect() }
}

/// Returns the names in an open directory.
fn names(directory: &OwnedFd) -> Result<Vec<Vec<u8>>> {
    let mut names = Vec::new();
    entries::<Error>(directory, &mut |name| {
        names.push(name.as_bytes().to_vec());
        Ok(())
    })?;
    Ok(names)
}

/// Reads a file of about so many bytes. Any file may have secrets, such as a private key.
fn content(file: &mut File, size: u64, has_text: bool) -> Result<Content> {
    if has_text {
        let mut text = Zeroizing::new(Vec::with_capacity(usize::try_from(size.min(LONGEST))? + 1));
        (&mut *file).take(LONGEST + 1).read_to_end(&mut text)?;
        if text.len() as u64 <= LONGEST {
            return Ok(Content::of_text(std::mem::take(&mut *text)));
        }
        io::Seek::rewind(file)?;
    }
    // Most files are short, and all of the block is overwritten in the end.
    let size = usize::try_from(size).unwrap_or(BLOCK).clamp(1, BLOCK);
    let (mut hash, mut length, mut block) = (Sha256::new(), 0, Zeroizing::new(vec![0; size]));
    loop {
        match file.read(&mut block) {
            Ok(0) => return Ok(Content::of_hash(hash.finalize().into(), length)),
            Ok(count) => {
                hash.update(block.get(..count).unwrap_or_default());
                length += count as u64;
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// Reads the extended attributes of a name in an open directory, of a link those of the link itself.
fn attributes(directory: &OwnedFd, name: &OsStr) -> Result<Vec<(Vec<u8>, Vec<u8>)>> {
    let path = PathBuf::from(format!("/proc/self/fd/{}", directory.as_raw_fd())).join(name);
    collect(xattr::list(&path), |name| xattr::get(&path, name))
}

/// Reads those of something that is open, without the way through its path.
fn attributes_of(file: &File) -> Result<Vec<(Vec<u8>, Vec<u8>)>> {
    collect(file.list_xattr(), |name| file.get_xattr(name))
}

fn collect(
    names: io::Result<XAttrs>,
    get: impl Fn(&OsStr) -> io::Result<Option<Vec<u8>>>,
) -> Result<Vec<(Vec<u8>, Vec<u8>)>> {
    let names = match names {
        Err(error) if error.kind() == ErrorKind::Unsupported => return Ok(Vec::new()),
        names => names?,
    };
    let mut all = Vec::new();
    for name in names.filter(|name| name != LABEL && !LISTS_OF_XFS.iter().any(|list| name == list)) {
        if let Some(value) = get(&name)? {
            all.push((name.into_vec(), value));
        }
    }
    Ok(all)
}

/// Returns whether something is gone.
fn is_gone(error: &Error) -> bool {
    let io = error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == ErrorKind::NotFound);
    io || error.downcast_ref::<Errno>() == Some(&Errno::ENOENT)
}

#[cfg(test)]
mod tests;

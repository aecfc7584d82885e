//! Copies a tree with everything that belongs to it: owners, modes, times, extended attributes
//! (capabilities, labels, access control lists), links and special files.

use std::collections::HashMap;
use std::fs::{self, DirBuilder, File, Metadata};
use std::io;
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, MetadataExt, PermissionsExt, lchown, symlink};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use nix::fcntl::AT_FDCWD;
use nix::sys::stat::{Mode, SFlag, UtimensatFlags, mknod, utimensat};
use nix::sys::time::TimeSpec;

/// The first copy of each file that has several names, by device and inode.
type Links = HashMap<(u64, u64), PathBuf>;

/// Copies the content of one directory into another. The attributes of the source directory itself
/// are not copied.
///
/// # Errors
/// The first file that can't be copied. The error names it.
pub(super) fn contents(source: &Path, target: &Path) -> Result<()> {
    entries(source, target, &mut Links::new())
}

fn entries(source: &Path, target: &Path, links: &mut Links) -> Result<()> {
    let reading = || format!("reading {}", source.display());
    for entry in fs::read_dir(source).with_context(reading)? {
        let name = entry.with_context(reading)?.file_name();
        let (from, to) = (source.join(&name), target.join(&name));
        one(&from, &to, links).with_context(|| format!("copying {}", from.display()))?;
    }
    Ok(())
}

fn one(from: &Path, to: &Path, links: &mut Links) -> Result<()> {
    let metadata = fs::symlink_metadata(from)?;
    let kind = metadata.file_type();
    if kind.is_socket() {
        // A socket is useless without the program that listens on it.
        return Ok(());
    }
    if !kind.is_dir() && metadata.nlink() > 1 {
        if let Some(first) = links.get(&(metadata.dev(), metadata.ino())) {
            return fs::hard_link(first, to).map_err(Into::into);
        }
        links.insert((metadata.dev(), metadata.ino()), to.to_owned());
    }
    if kind.is_dir() {
        DirBuilder::new().mode(0o700).create(to)?;
        entries(from, to, links)?;
    } else if kind.is_symlink() {
        symlink(fs::read_link(from)?, to)?;
    } else if kind.is_file() {
        io::copy(&mut File::open(from)?, &mut File::create_new(to)?)?;
    } else {
        special(to, &metadata)?;
    }
    attributes(from, to, &metadata)
}

/// Makes a device (such as the whiteouts of overlayfs) or a pipe.
fn special(to: &Path, metadata: &Metadata) -> Result<()> {
    let kind = SFlag::from_bits_truncate(metadata.mode()) & SFlag::S_IFMT;
    Ok(mknod(to, kind, Mode::S_IRUSR | Mode::S_IWUSR, metadata.rdev())?)
}

/// Copies attributes in this order: a new owner clears set-user-ID and capabilities, and each later
/// step changes the times.
fn attributes(from: &Path, to: &Path, metadata: &Metadata) -> Result<()> {
    lchown(to, Some(metadata.uid()), Some(metadata.gid()))?;
    if !metadata.file_type().is_symlink() {
        fs::set_permissions(to, fs::Permissions::from_mode(metadata.mode() & 0o7777))?;
    }
    for name in xattr::list(from)? {
        if let Some(value) = xattr::get(from, &name)? {
            xattr::set(to, &name, &value).with_context(|| format!("attribute {}", name.display()))?;
        }
    }
    let accessed = TimeSpec::new(metadata.atime(), metadata.atime_nsec());
    let modified = TimeSpec::new(metadata.mtime(), metadata.mtime_nsec());
    Ok(utimensat(AT_FDCWD, to, &accessed, &modified, UtimensatFlags::NoFollowSymlink)?)
}

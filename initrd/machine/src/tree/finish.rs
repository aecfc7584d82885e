//! Gives what was made its attributes, in this order: a new owner clears set-user-ID and capabilities, each
//! later step changes the times, and what is immutable can't be changed at all.

use std::ffi::OsStr;
use std::fs::File;
use std::os::fd::{AsFd, AsRawFd as _, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use nix::fcntl::AtFlags;
use nix::sys::stat::{
    FchmodatFlags, FileStat, Mode, UtimensatFlags, fchmod, fchmodat, fstat, fstatat, futimens, utimensat,
};
use nix::sys::time::TimeSpec;
use nix::unistd::{Gid, Uid, fchown, fchownat, getegid, geteuid};
use pattern::etc::{Kind, Meta, Node};

use super::LABEL;
use crate::ioctl;

/// A name in an open directory, and the directory that has something of this name to be like.
#[derive(Clone, Copy)]
pub(super) struct Place<'a> {
    pub(super) folder: &'a OwnedFd,
    pub(super) name: &'a OsStr,
    pub(super) like: Option<&'a OwnedFd>,
    /// Whether that may have a label of SELinux.
    pub(super) labelled: bool,
}

impl Place<'_> {
    /// Returns a path whose last part is the name, because extended attributes are those of the last part, link or not.
    fn path(self) -> PathBuf {
        PathBuf::from(format!("/proc/self/fd/{}", self.folder.as_raw_fd())).join(self.name)
    }
}

/// Completes a file that has its content. `keeps_flags`: whether its flags are the source's.
pub(super) fn file(
    file: &File,
    meta: &Meta,
    place: Place<'_>,
    source: Option<&(File, FileStat)>,
    keeps_flags: bool,
) -> Result<()> {
    complete(file, meta)?;
    set(&place.path(), &meta.attributes)?;
    label(place)?;
    let Some((source, found)) = source else { return Ok(()) };
    let [accessed, modified] = times(found);
    futimens(file, &accessed, &modified)?;
    if keeps_flags { keep_flags(file, source) } else { Ok(()) }
}

/// Completes a directory that has everything in it. Without attributes of its own it gets those of the other one.
pub(super) fn directory(
    made: &OwnedFd,
    meta: Option<&Meta>,
    like: Option<&OwnedFd>,
    keeps_flags: bool,
    labelled: bool,
) -> Result<()> {
    let itself = Place { folder: made, name: OsStr::new("."), like, labelled };
    let found = like.map(fstat).transpose()?;
    let own = || -> Result<Option<Meta>> {
        let Some((like, found)) = like.zip(found.as_ref()) else { return Ok(None) };
        let attributes = super::attributes(like, OsStr::new("."))?;
        Ok(Some(super::meta(found, attributes)))
    };
    let own = if meta.is_none() { own()? } else { None };
    if let Some(meta) = meta.or(own.as_ref()) {
        complete(made, meta)?;
        set(&itself.path(), &meta.attributes)?;
    }
    label(itself)?;
    let (Some(like), Some(found)) = (like, found) else { return Ok(()) };
    let [accessed, modified] = times(&found);
    futimens(made, &accessed, &modified)?;
    if keeps_flags { keep_flags(made, like) } else { Ok(()) }
}

/// Completes a link or a special file.
pub(super) fn other(place: Place<'_>, node: &Node) -> Result<()> {
    let Place { folder, name, like, .. } = place;
    let Meta { owner, group, mode, attributes } = &node.meta;
    if !is_ours(&node.meta) {
        let (owner, group) = (Uid::from_raw(*owner), Gid::from_raw(*group));
        fchownat(folder, name, Some(owner), Some(group), AtFlags::AT_SYMLINK_NOFOLLOW)?;
    }
    if !matches!(node.kind, Kind::Link(_)) {
        // It was made just now, so it is not a link.
        fchmodat(folder, name, Mode::from_bits_truncate(*mode), FchmodatFlags::FollowSymlink)?;
    }
    set(&place.path(), attributes)?;
    label(place)?;
    let Some(like) = like else { return Ok(()) };
    let [accessed, modified] = times(&fstatat(like, name, AtFlags::AT_SYMLINK_NOFOLLOW)?);
    Ok(utimensat(folder, name, &accessed, &modified, UtimensatFlags::NoFollowSymlink)?)
}

/// Gives a directory these attributes, and no others.
pub(super) fn exactly(directory: &OwnedFd, meta: &Meta) -> Result<()> {
    chown(directory, meta)?;
    complete(directory, meta)?;
    let itself = Place { folder: directory, name: OsStr::new("."), like: None, labelled: false };
    for (name, _) in super::attributes(directory, itself.name)? {
        if !meta.attributes.contains_key(&name) {
            xattr::remove(itself.path(), OsStr::from_bytes(&name))?;
        }
    }
    set(&itself.path(), &meta.attributes)
}

/// Gives something that was made just now its owner and mode.
fn complete(file: impl AsFd, meta: &Meta) -> Result<()> {
    if !is_ours(meta) {
        chown(&file, meta)?;
    }
    Ok(fchmod(&file, Mode::from_bits_truncate(meta.mode))?)
}

fn chown(file: impl AsFd, meta: &Meta) -> Result<()> {
    Ok(fchown(file, Some(Uid::from_raw(meta.owner)), Some(Gid::from_raw(meta.group)))?)
}

/// Returns whether it is this process's already. A directory passes its group on only once it has its own mode, which is when it
/// is full.
fn is_ours(meta: &Meta) -> bool {
    (meta.owner, meta.group) == (geteuid().as_raw(), getegid().as_raw())
}

fn set(path: &Path, attributes: &std::collections::BTreeMap<Vec<u8>, Vec<u8>>) -> Result<()> {
    attributes.iter().try_for_each(|(name, value)| {
        let name = OsStr::from_bytes(name);
        xattr::set(path, name, value).with_context(|| format!("attribute {}", name.display()))
    })
}

/// Returns whether a directory has a label of SELinux.
pub(super) fn is_labelled(directory: &Path) -> bool {
    xattr::get(directory, LABEL).is_ok_and(|label| label.is_some())
}

/// Copies the label of SELinux, which the tree does not have.
fn label(place: Place<'_>) -> Result<()> {
    let like = place
        .like
        .filter(|_| place.labelled)
        .and_then(|folder| xattr::get(Place { folder, ..place }.path(), LABEL).ok()?);
    like.map_or(Ok(()), |value| xattr::set(place.path(), LABEL, &value).context("its label"))
}

/// Makes it immutable or append-only if the other one is.
fn keep_flags(made: &impl AsFd, like: &impl AsFd) -> Result<()> {
    let lasting = ioctl::lasting(like);
    if lasting.is_none() { Ok(()) } else { Ok(ioctl::set_lasting(made, lasting)?) }
}

fn times(found: &FileStat) -> [TimeSpec; 2] {
    [TimeSpec::new(found.st_atime, found.st_atime_nsec), TimeSpec::new(found.st_mtime, found.st_mtime_nsec)]
}

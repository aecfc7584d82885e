//! Removes a directory tree, without following links. Directories may be in each other without end: what is in one
//! is moved up before it is removed, so no more than two are open at once.

use std::ffi::OsStr;
use std::fs;
use std::io::{self, ErrorKind};
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, AtFlags, OFlag, RenameFlags, openat, renameat2};
use nix::sys::stat::{Mode, SFlag, fstatat};
use nix::unistd::{UnlinkatFlags, unlinkat};

use super::build::FOLDER;
use super::directory::{entries, form};
use crate::ioctl::{self, Lasting};

/// Removes what is at a path, with everything in it, also what is immutable. Nothing may be there.
///
/// # Errors
/// When something can't be removed.
pub fn remove(path: &Path) -> io::Result<()> {
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
        Ok(found) if !found.is_dir() => one(&AT_FDCWD, path.as_os_str(), UnlinkatFlags::NoRemoveDir),
        Ok(_) => {
            empty(&folder(&AT_FDCWD, path.as_os_str())?)?;
            one(&AT_FDCWD, path.as_os_str(), UnlinkatFlags::RemoveDir)
        }
    }
}

/// Removes what is in a directory.
fn empty(root: &OwnedFd) -> io::Result<()> {
    let mut moved = 0;
    loop {
        let mut is_empty = true;
        // What is moved up is found in the same pass, or in the next one.
        entries(root, &mut |name| {
            is_empty = false;
            match one(root, name, UnlinkatFlags::NoRemoveDir) {
                Err(error) if is_directory(&error) => raise(root, name, &mut moved),
                removed => removed,
            }
        })?;
        if is_empty {
            return Ok(());
        }
    }
}

/// Removes a directory of the root, once the directories in it are in the root.
fn raise(root: &OwnedFd, name: &OsStr, moved: &mut u64) -> io::Result<()> {
    let opened = folder(root, name)?;
    entries(&opened, &mut |below| match one(&opened, below, UnlinkatFlags::NoRemoveDir) {
        Err(error) if is_directory(&error) => up(&opened, below, root, moved),
        removed => removed,
    })?;
    one(root, name, UnlinkatFlags::RemoveDir)
}

/// Moves a directory up, to a name that nothing has.
fn up(from: &OwnedFd, name: &OsStr, root: &OwnedFd, moved: &mut u64) -> io::Result<()> {
    loop {
        *moved += 1;
        let free = moved.to_string();
        let rename = || renameat2(from, name, root, &*free, RenameFlags::RENAME_NOREPLACE);
        match changeable(from, name, &rename) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            renamed => return renamed,
        }
    }
}

fn is_directory(error: &io::Error) -> bool {
    error.raw_os_error() == Some(Errno::EISDIR as i32)
}

fn one(folder: &impl AsFd, name: &OsStr, flags: UnlinkatFlags) -> io::Result<()> {
    changeable(folder, name, &|| unlinkat(folder, name, flags))
}

/// Does something to a name. What is immutable there is made changeable first.
fn changeable(folder: &impl AsFd, name: &OsStr, act: &dyn Fn() -> nix::Result<()>) -> io::Result<()> {
    match act() {
        Err(Errno::EPERM) => {
            let found = fstatat(folder, name, AtFlags::AT_SYMLINK_NOFOLLOW)?;
            if matches!(form(&found), SFlag::S_IFREG | SFlag::S_IFDIR) {
                let flags = OFlag::O_RDONLY | OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC;
                release(&openat(folder, name, flags, Mode::empty())?)?;
            }
            Ok(act()?)
        }
        done => Ok(done?),
    }
}

/// Opens a directory, and has it changeable.
fn folder(above: &impl AsFd, name: &OsStr) -> io::Result<OwnedFd> {
    let opened = openat(above, name, FOLDER, Mode::empty())?;
    release(&opened)?;
    Ok(opened)
}

fn release(opened: &OwnedFd) -> io::Result<()> {
    if ioctl::lasting(opened).is_none() { Ok(()) } else { ioctl::set_lasting(opened, Lasting::default()) }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use nix::sys::stat::mkdirat;

    use super::*;

    #[test]
    fn directories_in_each_other_are_removed_however_many() {
        let folder = std::env::temp_dir().join(format!("pattern-remove-{}", std::process::id()));
        fs::create_dir_all(folder.join("1/2/3")).unwrap();
        fs::create_dir_all(folder.join("2/1/3")).unwrap();
        for path in ["1/x", "1/2/3/x", "2/1/x", "3"] {
            fs::write(folder.join(path), "").unwrap();
        }
        let mut deep = super::folder(&AT_FDCWD, folder.join("1/2").as_os_str()).unwrap();
        for name in (0..1100).map(|depth| (depth % 3).to_string()) {
            mkdirat(&deep, &*name, Mode::S_IRWXU).unwrap();
            deep = openat(&deep, &*name, FOLDER, Mode::empty()).unwrap();
        }
        drop(deep);
        // As systemd has it for a service.
        let process = format!("--pid={}", std::process::id());
        assert!(Command::new("prlimit").args(["--nofile=1024:", &process]).status().unwrap().success());
        let outside = folder.with_extension("outside");
        fs::create_dir_all(outside.join("x")).unwrap();
        std::os::unix::fs::symlink(&outside, folder.join("1/2/link")).unwrap();
        remove(&folder).unwrap();
        assert!(!folder.exists() && outside.join("x").exists());
        remove(&folder).unwrap();
        remove(&outside).unwrap();
    }
}

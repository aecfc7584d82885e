//! Makes the directories on the volume that the system writes to, once each and with their first
//! content.

#[cfg(test)]
mod tests;

use std::fs::{self, File};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use nix::unistd::syncfs;
use pattern::config::Persist;
use pattern_machine::factory::{FACTORY, fill, make};

use crate::volume::host;
use crate::volume::request::{self, Request};

/// Makes directories that the image asks for only since the volume was made, on the mounted volume.
/// Returns their names, and the requests that the boot before left.
///
/// # Errors
/// When a directory can't be made.
pub(crate) fn complete(volume: &Path, asked: &Persist) -> Result<(Vec<String>, Vec<Request>)> {
    let all = [Request::Recovery, Request::Sealed].into_iter();
    let requests = all.filter(|request| request::is_left(volume, *request)).collect();
    let missing = missing(volume, asked)?;
    if !missing.is_empty() {
        make_all(volume, &missing, Path::new(FACTORY))?;
    }
    Ok((missing, requests))
}

/// Returns the requested directories that the volume does not have.
///
/// # Errors
/// When something else is in a directory's place.
fn missing(volume: &Path, asked: &Persist) -> Result<Vec<String>> {
    let mut missing = Vec::new();
    for name in asked.asked() {
        let path = volume.join("root").join(name);
        match fs::symlink_metadata(&path) {
            Ok(found) if found.is_dir() => {}
            Ok(_) => {
                bail!("root/{name} on the volume is not a directory; move it away, it is made anew then")
            }
            Err(error) if error.kind() == ErrorKind::NotFound => missing.push(name.to_owned()),
            Err(error) => return Err(error).with_context(|| format!("looking at {}", path.display())),
        }
    }
    Ok(missing)
}

/// Makes the directories on a new volume, which is mounted. After a power cut another volume is
/// made, so the order of the writes does not matter. All of it is on the medium when this returns.
///
/// # Errors
/// When one can't be made.
pub(crate) fn begin(volume: &Path, asked: &Persist) -> Result<()> {
    begin_from(volume, asked, Path::new(FACTORY))
}

fn begin_from(volume: &Path, asked: &Persist, factory: &Path) -> Result<()> {
    let root = volume.join("root");
    make(&root).with_context(|| format!("making {}", root.display()))?;
    for name in asked.asked() {
        prepare(&root.join(name), name, factory).with_context(|| about(&root, name))?;
    }
    sync(&root)
}

/// Makes directories, each with its first content. They are filled under other names, and renamed
/// once the content is on the medium, so a power cut leaves all of one or nothing. All of it is on
/// the medium when this returns.
fn make_all(volume: &Path, names: &[String], factory: &Path) -> Result<()> {
    let root = volume.join("root");
    if !root.is_dir() {
        make(&root).with_context(|| format!("making {}", root.display()))?;
    }
    for name in names {
        let draft = draft(&root, name);
        prepare(&draft, name, factory).with_context(|| about(&root, name))?;
        if name == "etc" {
            // From a version that did not persist all of /etc.
            host::restore(volume, &draft);
        }
    }
    sync(&root)?;
    for name in names {
        fs::rename(draft(&root, name), root.join(name)).with_context(|| about(&root, name))?;
    }
    sync(&root)
}

fn about(root: &Path, name: &str) -> String {
    format!("making {}", root.join(name).display())
}

fn draft(root: &Path, name: &str) -> PathBuf {
    root.join(format!(".{name}.new"))
}

fn prepare(draft: &Path, name: &str, factory: &Path) -> Result<()> {
    if draft.exists() {
        fs::remove_dir_all(draft)?;
    }
    make(draft)?;
    fill(factory, name, draft)
}

fn sync(root: &Path) -> Result<()> {
    let synced = File::open(root).map_err(anyhow::Error::from).and_then(|root| Ok(syncfs(&root)?));
    synced.with_context(|| format!("syncing {}", root.display()))
}

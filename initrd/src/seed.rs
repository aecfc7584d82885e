//! First contents of the directories that the system writes to.
//!
//! Persisted ones are made once, on the volume; the others on the ephemeral root, on every boot. `/etc` and `/var`
//! start with what the image has below `/usr/share/factory`, the others empty.

mod copy;
#[cfg(test)]
mod tests;

use std::fs::{self, DirBuilder, File};
use std::io::ErrorKind;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use nix::unistd::syncfs;
use pattern::config::Persist;

use crate::context::Context;
use crate::stage::Report;

/// The image's factory directory as the initrd sees it.
const FACTORY: &str = "/sysusr/usr/share/factory";
/// The ephemeral root as the initrd sees it.
const ROOT: &str = "/sysroot";
/// All directories that are either persisted or seeded on every boot.
const ALL: Persist = Persist { etc: true, home: true, srv: true, var: true };

/// `pattern-seed`: fills what is not persisted in this boot.
///
/// # Errors
/// When a directory can't be filled.
pub(crate) fn run(ctx: &Context) -> Result<Report> {
    let unpersisted = unpersisted(ctx);
    let mut filled = Vec::new();
    for name in &unpersisted {
        if fill_empty(Path::new(ROOT), Path::new(FACTORY), name)? {
            filled.push(*name);
        }
    }
    let found = format!("{} directories that are not persisted", unpersisted.len());
    let decided = if filled.is_empty() {
        "nothing to fill".to_owned()
    } else {
        format!("filled {}", filled.join(", "))
    };
    Ok(Report { found, decided })
}

/// With nothing mounted from the volume, all of them live on the ephemeral root.
fn unpersisted(ctx: &Context) -> Vec<&'static str> {
    let none = ctx.flags.volatile || ctx.flags.plan_only;
    let persisted: Vec<&str> = ctx.config.partitions.persist.asked().filter(|_| !none).collect();
    ALL.asked().filter(|name| !persisted.contains(name)).collect()
}

/// Fills a directory of the ephemeral root, unless something is in it.
fn fill_empty(root: &Path, factory: &Path, name: &str) -> Result<bool> {
    let target = root.join(name);
    let doing = || format!("filling {}", target.display());
    match fs::read_dir(&target) {
        Ok(mut entries) => {
            if entries.next().is_some() {
                return Ok(false);
            }
        }
        Err(error) if error.kind() == ErrorKind::NotFound => make(&target).with_context(doing)?,
        Err(error) => return Err(error).with_context(doing),
    }
    copy_factory(factory, name, &target).with_context(doing)?;
    Ok(true)
}

/// The directories asked for that the volume does not have.
///
/// # Errors
/// When something else is in a directory's place.
pub(crate) fn missing(volume: &Path, asked: &Persist) -> Result<Vec<String>> {
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

/// Makes the missing directories on the mounted volume, each at once and with all it starts with; answers with their
/// names. All of it is on the medium then.
///
/// # Errors
/// When one can't be made; the others are whole or not there.
pub(crate) fn ensure(volume: &Path, asked: &Persist) -> Result<Vec<String>> {
    ensure_from(volume, asked, Path::new(FACTORY))
}

fn ensure_from(volume: &Path, asked: &Persist, factory: &Path) -> Result<Vec<String>> {
    let root = volume.join("root");
    if !root.is_dir() {
        make(&root).with_context(|| format!("making {}", root.display()))?;
    }
    let missing = missing(volume, asked)?;
    for name in &missing {
        appear(&root, name, factory).with_context(|| format!("making {}", root.join(name).display()))?;
    }
    let synced = File::open(&root).map_err(anyhow::Error::from).and_then(|root| Ok(syncfs(&root)?));
    synced.with_context(|| format!("syncing {}", root.display()))?;
    Ok(missing)
}

/// A directory is filled under another name, and gets its own once that is on the medium: a power cut leaves all of
/// it or none.
fn appear(root: &Path, name: &str, factory: &Path) -> Result<()> {
    let new: PathBuf = root.join(format!(".{name}.new"));
    if new.exists() {
        fs::remove_dir_all(&new)?;
    }
    make(&new)?;
    copy_factory(factory, name, &new)?;
    let directory = File::open(root)?;
    syncfs(&directory)?;
    fs::rename(&new, root.join(name))?;
    directory.sync_all()?;
    Ok(())
}

/// Root's, and readable for all, whatever the umask.
fn make(path: &Path) -> Result<()> {
    DirBuilder::new().mode(0o755).create(path)?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o755))?;
    Ok(())
}

fn copy_factory(factory: &Path, name: &str, target: &Path) -> Result<()> {
    let source = factory.join(name);
    if matches!(name, "etc" | "var") && source.is_dir() {
        copy::contents(&source, target)?;
    }
    Ok(())
}

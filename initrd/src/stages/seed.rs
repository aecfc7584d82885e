//! `pattern-seed`: gives directories on the ephemeral root that are not persisted their first
//! content, on every boot.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use anyhow::{Context as _, Result};
use pattern::config::Persist;
use pattern_machine::factory::{self, FACTORY};
use pattern_machine::mounts;

use crate::context::Context;
use crate::stage::Report;
use crate::volume::mounts::{KEPT, VOLUME};
use crate::volume::{confine, host, place};

/// The ephemeral root, as the initrd sees it.
const ROOT: &str = "/sysroot";
/// All directories that are either persisted, or seeded on every boot.
const ALL: Persist = Persist { etc: true, home: true, srv: true, var: true, rollback: Vec::new() };

/// Fills the directories that are not persisted in this boot.
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
    let own = if filled.contains(&"etc") && ctx.config.keeps_host() { own() } else { Vec::new() };
    let found = format!("{} directories that are not persisted", unpersisted.len());
    let decided = if filled.is_empty() {
        "nothing to fill".to_owned()
    } else {
        format!("filled {}", filled.join(", "))
    };
    let decided = if own.is_empty() { decided } else { format!("{decided}; kept {}", own.join(", ")) };
    Ok(Report { found, decided })
}

/// Gives the system what the volume keeps of the machine's own. Without it the machine is a new one for
/// others, and works.
fn own() -> Vec<String> {
    let volume = Path::new(VOLUME);
    if !mounts::is_mounted(volume).unwrap_or(false) {
        return Vec::new();
    }
    // From a version that persisted all of /etc.
    let before = volume.join(KEPT).join("etc");
    if host::is_new(volume) && before.is_dir() {
        host::keep(&before, volume).map_or_else(|error| log::warn!("{error:#}"), drop);
    }
    host::restore(volume, &Path::new(ROOT).join("etc"))
}

/// Keeps what makes the machine the same one for others, in the running system. For this process alone,
/// the directories on the volume are not covered.
///
/// # Errors
/// When the volume is not mounted or can't be written.
pub(crate) fn keep(_ctx: &Context) -> Result<Report> {
    let volume = place::mounted()?;
    confine::uncover(volume)?;
    let kept = host::keep(Path::new("/etc"), volume)?;
    let decided =
        if kept.is_empty() { "nothing new".to_owned() } else { format!("kept {}", kept.join(", ")) };
    Ok(Report { found: "an /etc that is not persisted".to_owned(), decided })
}

/// Returns the directories that are not persisted. In a boot that mounts nothing from the volume,
/// these are all.
fn unpersisted(ctx: &Context) -> Vec<&'static str> {
    let none = ctx.flags.volatile || ctx.flags.plan_only;
    let persisted: Vec<&str> = ctx.config.partitions.persist.asked().filter(|_| !none).collect();
    ALL.asked().filter(|name| !persisted.contains(name)).collect()
}

/// Fills a directory of the ephemeral root, unless it has content. Returns whether it was filled.
fn fill_empty(root: &Path, from: &Path, name: &str) -> Result<bool> {
    let target = root.join(name);
    let doing = || format!("filling {}", target.display());
    match fs::read_dir(&target) {
        Ok(mut entries) => {
            if entries.next().is_some() {
                return Ok(false);
            }
        }
        Err(error) if error.kind() == ErrorKind::NotFound => factory::make(&target).with_context(doing)?,
        Err(error) => return Err(error).with_context(doing),
    }
    factory::fill(from, name, &target).with_context(doing)?;
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ephemeral_root_is_filled_only_where_it_is_empty() {
        let folder = std::env::temp_dir().join(format!("pattern-seed-{}", std::process::id()));
        let (root, factory) = (folder.join("root"), folder.join("factory"));
        fs::create_dir_all(root.join("var")).unwrap();
        fs::create_dir_all(factory.join("etc")).unwrap();
        fs::write(factory.join("etc/passwd"), "root:x:0:0::/root:/bin/sh\n").unwrap();
        fs::write(root.join("var/there"), "").unwrap();
        assert!(fill_empty(&root, &factory, "etc").unwrap());
        assert!(root.join("etc/passwd").exists());
        assert!(!fill_empty(&root, &factory, "etc").unwrap());
        assert!(!fill_empty(&root, &factory, "var").unwrap());
        fs::write(root.join("srv"), "a file").unwrap();
        let error = fill_empty(&root, &factory, "srv").unwrap_err();
        assert!(error.to_string().starts_with("filling "), "{error}");
        fs::remove_dir_all(folder).unwrap();
    }
}

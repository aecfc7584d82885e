//! Writes a plan below a directory.

use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::symlink;
use std::path::Path;

use anyhow::{Context, Result};
use pattern::plan::{Entry, Plan};

/// Writes every entry. A file that already exists is an error, and is never overwritten.
pub(crate) fn write(plan: &Plan, dir: &Path) -> Result<()> {
    for (path, entry) in plan.entries() {
        let path = dir.join(path);
        let parent = path.parent().unwrap_or(dir);
        fs::create_dir_all(parent).with_context(|| format!("making {}", parent.display()))?;
        create(&path, entry).with_context(|| format!("writing {}", path.display()))?;
    }
    Ok(())
}

fn create(path: &Path, entry: &Entry) -> std::io::Result<()> {
    match entry {
        Entry::File(text) => File::create_new(path)?.write_all(text.as_bytes()),
        Entry::Link(target) => symlink(target, path),
    }
}

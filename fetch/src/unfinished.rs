//! Says how much of a version lies in the slot that is not running: `pattern-fetch DISK TREE USR BEFORE`, with where the two
//! partitions begin, in bytes, and the root hash of the version that was there, or `-`.

use std::fs::File;
use std::os::unix::fs::FileExt;

use anyhow::{Context as _, Result, bail};
use pattern::delta::unfinished::{estimate, prove, tree_bytes};
use pattern::delta::{BLOCK, BLOCK_BYTES, Hash};
use pattern::hex;

use crate::confine;

/// Prints the bytes that are right, and all bytes; or nothing, if no whole hash tree of another version is there.
///
/// # Errors
/// When the words are others, or the disk can't be read.
pub(crate) fn say(words: &[String]) -> Result<String> {
    let [disk, tree, usr, before] = words else { bail!("four words are needed") };
    let file = File::open(disk).with_context(|| format!("opening {disk}"))?;
    confine::as_nobody().context("giving up the rights of root")?;
    let before = hex::decode(before).and_then(|hash| hash.try_into().ok());
    let found = inside(&file, tree.parse()?, usr.parse()?, before.as_ref());
    let found = found.with_context(|| format!("reading {disk}"))?;
    Ok(found.map(|(right, all)| format!("{right} {all}\n")).unwrap_or_default())
}

/// Looks at a hash tree and a `/usr` that begin there, after a version with that root hash.
fn inside(disk: &impl FileExt, tree: u64, usr: u64, before: Option<&Hash>) -> Result<Option<(u64, u64)>> {
    let mut first = [0; BLOCK];
    disk.read_exact_at(&mut first, tree)?;
    let Some(length) = tree_bytes(&first, usr.saturating_sub(tree)) else { return Ok(None) };
    let mut bytes = vec![0; usize::try_from(length)?];
    disk.read_exact_at(&mut bytes, tree)?;
    let Some(tree) = prove(&bytes, before) else { return Ok(None) };
    let read = |block: u64| {
        let mut bytes = [0; BLOCK];
        let at = block.checked_mul(BLOCK_BYTES)?.checked_add(usr)?;
        // A block that can't be read is fetched.
        disk.read_exact_at(&mut bytes, at).ok()?;
        Some(bytes)
    };
    Ok(Some(estimate(&tree, read)))
}

#[cfg(test)]
mod tests;

//! Looks for a download that was cut, or is at work, in the other slot. **pattern-fetch** reads it, as nobody: without that program
//! no download goes on.

use anyhow::{Context as _, Result};
use pattern::boot::usr::UsrHash;
use pattern::delta::unfinished::{Slot, Unfinished};
use pattern::table::Table;
use pattern_machine::disk::Disk;

use super::update;

/// Looks.
///
/// # Errors
/// When the program is missing, or can't read the disk.
pub(super) fn look(disk: &Disk, table: &Table, running: &UsrHash) -> Result<Option<Unfinished>> {
    let Some(slot) = Slot::find(table, running) else { return Ok(None) };
    // systemd-pull writes through the device of the disk: that of the partition would show what was there before.
    let disk = disk.path().to_str().context("a disk without a name")?;
    let [tree, usr, before] = slot.words(table);
    let answer = update::ask(update::PROGRAM, &[disk, &tree, &usr, &before])?;
    Ok(Unfinished::read(&answer, &slot, update::is_at_work()?))
}

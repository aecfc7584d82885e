//! Looks for a download that was cut, or is at work, in the other slot. **pattern-fetch** reads it, as nobody: without that program
//! no download goes on.

use pattern::boot::usr::UsrHash;
use pattern::delta::unfinished::{Slot, Unfinished};
use pattern::program::FETCH;
use pattern::table::Table;
use pattern_machine::disk::Disk;

use super::update;

/// Looks. A slot that can't be read has nothing to go on with.
pub(super) fn look(disk: &Disk, table: &Table, running: &UsrHash) -> Option<Unfinished> {
    let slot = Slot::find(table, running)?;
    // systemd-pull writes through the device of the disk: that of the partition would show what was there before.
    let disk = disk.path().to_str()?;
    let [tree, usr, before] = slot.words(table);
    let answer = update::ask(FETCH, &[disk, &tree, &usr, &before])?;
    Unfinished::read(&answer, &slot)
}

//! Why a stage failed, for what ends this boot, and the version to start then.

use std::fs;
use std::path::Path;

use pattern::boot::usr::UsrHash;
use pattern::update::another::another;

use crate::disk::Disk;
use crate::trial;

/// Only root can write it, and it is gone after the boot.
const FAILURE: &str = "/run/pattern/failure";

/// Keeps why a stage failed.
pub fn keep(failure: &str) {
    let path = Path::new(FAILURE);
    let written = path.parent().map_or(Ok(()), fs::create_dir_all).and_then(|()| fs::write(path, failure));
    if let Err(error) = written {
        log::warn!("writing {FAILURE}: {error}");
    }
}

/// Returns why a stage failed in this boot.
pub fn kept() -> Option<String> {
    fs::read_to_string(FAILURE).ok()
}

/// Returns the version to start in place of one whose `/usr` can't be opened. A trial is not such a
/// case: the boot loader goes back by itself.
pub fn another_version(usr: &UsrHash, version: &str) -> Option<String> {
    if trial::running() {
        return None;
    }
    let table = Disk::behind_usr(usr).and_then(|disk| disk.table());
    let table = table.inspect_err(|error| log::warn!("looking for another version: {error:#}")).ok()?.table;
    let labels: Vec<String> = table.partitions().map(|part| part.label).collect();
    // Without EFI variables the boot loader can't be asked for it either.
    let noted = trial::last_note().ok()?.map(|note| note.version);
    another(version, &labels, noted.as_deref())
}

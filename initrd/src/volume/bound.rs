//! The note that a volume is bound to the registers of this boot: the TPM opened it, or this boot made or bound it.
//!
//! Tokens can't tell: whoever had the machine while it was off can write one that names the registers of this boot.

use std::fs;
use std::path::Path;

/// Only root can write it, and it is gone after the boot.
const NOTE: &str = "/run/pattern/bound";

/// Writes the note for the volume with this UUID. Logs a failure and goes on: without the note, changes can't be announced in this
/// boot.
pub(crate) fn note(uuid: &str) {
    if let Err(error) = write(Path::new(NOTE), uuid) {
        log::warn!("noting in {NOTE} that the volume is bound to this boot: {error}");
    }
}

/// Returns whether this boot is one that the volume is bound to.
pub(crate) fn is_noted(uuid: &str) -> bool {
    is_written(Path::new(NOTE), uuid)
}

fn write(path: &Path, uuid: &str) -> std::io::Result<()> {
    path.parent().map_or(Ok(()), fs::create_dir_all)?;
    fs::write(path, uuid)
}

fn is_written(path: &Path, uuid: &str) -> bool {
    fs::read_to_string(path).is_ok_and(|noted| noted == uuid)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_is_for_one_volume() {
        let folder = std::env::temp_dir().join(format!("pattern-bound-{}", std::process::id()));
        let path = folder.join("pattern/bound");
        assert!(!is_written(&path, "one"));
        write(&path, "one").unwrap();
        assert!(is_written(&path, "one"));
        assert!(!is_written(&path, "another"));
        fs::remove_dir_all(folder).unwrap();
    }
}

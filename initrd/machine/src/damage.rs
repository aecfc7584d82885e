//! The note that `/usr` is damaged in this boot, for the stages that run later.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};

/// Only root can write it, and it is gone after the boot.
const NOTE: &str = "/run/pattern/usr-damage";

/// Writes the note. If this fails, no later stage may run.
///
/// # Errors
/// When it can't be written.
pub fn note(damage: &str) -> Result<()> {
    write(Path::new(NOTE), damage).with_context(|| format!("noting in {NOTE} that /usr is damaged"))
}

fn write(path: &Path, damage: &str) -> std::io::Result<()> {
    path.parent().map_or(Ok(()), fs::create_dir_all)?;
    fs::write(path, damage)
}

/// Returns what can't be read of `/usr` in this boot. Returns nothing if all can be read, or if
/// nothing was checked.
pub fn degraded() -> Option<String> {
    read(Path::new(NOTE))
}

fn read(path: &Path) -> Option<String> {
    if !path.exists() {
        return None;
    }
    // A note that can't be read counts as a note.
    let damage =
        fs::read_to_string(path).unwrap_or_else(|error| format!("reading {}: {error}", path.display()));
    Some(format!(
        "/usr is damaged ({damage}), so the TPM is not asked for the key; start another version from the boot menu, or \
         enter the recovery key to go on without what can't be read, and install a version with: pattern update"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_is_read_as_a_reason() {
        let path = std::env::temp_dir().join(format!("pattern-damage-{}/usr-damage", std::process::id()));
        assert_eq!(read(&path), None);
        write(&path, "at byte 4096").unwrap();
        let reason = read(&path).unwrap();
        assert!(reason.starts_with("/usr is damaged (at byte 4096), so the TPM is not asked"), "{reason}");
        fs::write(&path, b"\xff").unwrap();
        assert!(read(&path).unwrap().contains("usr-damage"), "{reason}");
        fs::remove_dir_all(path.parent().unwrap()).unwrap();
    }
}

//! A version on trial: whether this boot is a trial, and the note that says why a version failed, for
//! the one that is started instead.

use std::path::Path;

use anyhow::Result;
use pattern::plain::plain;
use pattern::update::entry::COUNTED;

use crate::efi_variable::Variable;

/// EFI variable that the next version reads after a failed trial.
const NOTE: &str = "PatternTrialFailure";
/// Longest note in bytes: firmware has only a few KiB for variables.
const LONGEST: usize = 512;

/// Why a version failed its last try.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Note {
    /// The version.
    pub version: String,
    /// The reason, in words.
    pub reason: String,
}

/// Returns whether the boot loader counts this boot. It does so until the version was found to be
/// good.
pub fn running() -> bool {
    Path::new(COUNTED).exists()
}

/// Leaves a note for the version that runs next. Without EFI variables it can't be stored.
pub fn note(version: &str, reason: &str) {
    let text = Note { version: version.to_owned(), reason: reason.to_owned() }.to_text();
    if let Err(error) = Variable::new(NOTE).write(text.as_bytes()) {
        log::warn!("noting why version {version} failed: {error:#}");
    }
}

/// Returns the last note, whichever version it is about.
///
/// # Errors
/// When EFI variables can't be read.
pub fn last_note() -> Result<Option<Note>> {
    let bytes = Variable::new(NOTE).read()?;
    Ok(bytes.and_then(|bytes| Note::parse(&String::from_utf8_lossy(&bytes))))
}

/// Removes the note if it is about this version, which works.
///
/// # Errors
/// When EFI variables can't be read, or the firmware refuses.
pub fn forget(version: &str) -> Result<()> {
    match last_note()?.is_some_and(|note| note.version == version) {
        true => Variable::new(NOTE).remove(),
        false => Ok(()),
    }
}

impl Note {
    /// Returns version and reason, a line each. A reason that is too long ends in `…`.
    fn to_text(&self) -> String {
        let reason = self.reason.replace('\n', "; ");
        let room = LONGEST.saturating_sub(self.version.len() + 4);
        let end = (0..=room.min(reason.len())).rev().find(|end| reason.is_char_boundary(*end)).unwrap_or(0);
        let kept = reason.get(..end).unwrap_or_default();
        let more = if kept.len() < reason.len() { "…" } else { "" };
        format!("{}\n{kept}{more}", self.version)
    }

    /// Parses a note. The reason is made plain text, because it is shown on consoles and any root
    /// could have written it.
    fn parse(text: &str) -> Option<Self> {
        let (version, reason) = text.split_once('\n')?;
        Some(Self { version: version.to_owned(), reason: plain(reason) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_is_read_as_it_was_written() {
        let note = Note { version: "0.0.2".to_owned(), reason: "demo.service failed".to_owned() };
        assert_eq!(Note::parse(&note.to_text()), Some(note));
        assert_eq!(Note::parse("no line's end"), None);
        assert_eq!(Note::parse("2\na\x1b[31mb").unwrap().reason, "a\\u{1b}[31mb");
    }

    #[test]
    fn a_long_reason_is_cut_between_letters() {
        let note = Note { version: "2".to_owned(), reason: "ä\n".repeat(400) };
        let text = note.to_text();
        assert!(text.len() <= LONGEST && text.ends_with('…'), "{text}");
        assert!(text.starts_with("2\nä; ä; "), "{text}");
    }
}

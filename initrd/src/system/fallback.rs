//! `pattern-fallback`: reports a newer version that failed its trial, and why, in the journal and
//! at login.

use anyhow::Result;
use pattern::update;
use pattern_machine::esp;
use pattern_machine::people::banner;
use pattern_machine::trial::{self, Note};

use crate::context::Context;
use crate::stage::Report;

/// Looks for a version that used up its tries, and reports it.
///
/// # Errors
/// When the EFI system partition can't be read, or the message can't be written.
pub(crate) fn run(ctx: &Context) -> Result<Report> {
    let image = &ctx.config.image;
    let entries = esp::look(&image.id)?;
    let found = format!("version {} and {} in all", image.version, entries.len());
    let Some(failed) = update::failed(&image.version, &entries) else {
        return Ok(Report { found, decided: "no newer one failed".to_owned() });
    };
    let message = message(&image.version, &failed.version, trial::last_note().unwrap_or_default().as_ref());
    log::error!("{message}");
    banner::show("50-pattern", Some(&message))?;
    Ok(Report { found, decided: format!("reported that {} failed", failed.version) })
}

fn message(running: &str, failed: &str, note: Option<&Note>) -> String {
    let reason = match note.filter(|note| note.version == failed) {
        Some(note) => format!("The last try ended with: {}", note.reason),
        None => "It left no reason: it hung, or stopped before it could write one.".to_owned(),
    };
    format!("Version {failed} failed all its tries; version {running} runs in its place. {reason}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_note_of_the_failed_version_counts() {
        let note =
            |version: &str| Note { version: version.to_owned(), reason: "demo.service failed".to_owned() };
        assert_eq!(
            message("1", "2", Some(&note("2"))),
            "Version 2 failed all its tries; version 1 runs in its place. The last try ended with: demo.service failed"
        );
        assert!(message("1", "2", Some(&note("1"))).ends_with("stopped before it could write one."));
        assert!(message("1", "2", None).ends_with("stopped before it could write one."));
    }
}

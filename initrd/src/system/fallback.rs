//! `pattern-fallback`: reports a version that failed, and why, in the journal and at login.

use anyhow::Result;
use pattern::update::Installed;
use pattern::update::entry::{Entry, Tries};
use pattern_machine::disk::Disk;
use pattern_machine::esp;
use pattern_machine::people::banner;
use pattern_machine::trial::{self, Note};

use crate::context::Context;
use crate::stage::Report;

/// Looks for a version that failed its trial, or could not be started any more, and reports it. The
/// boot loader does not start it again by itself. If no version has tries left, the running one is
/// called good: it is all that there is, and a trial of it would restart the machine for ever.
///
/// # Errors
/// When the EFI system partition can't be read, or the message can't be written.
pub(crate) fn run(ctx: &Context) -> Result<Report> {
    let note = trial::last_note().unwrap_or_default();
    let mut installed = look(ctx)?;
    let found = format!("version {} and {} in all", installed.running, installed.entries.len());
    if let Some(step) = installed.amend(note.as_ref().map(|note| note.version.as_str())) {
        // The report matters more.
        esp::perform(&installed.id, &step).unwrap_or_else(|error| log::warn!("{error:#}"));
    }
    if !installed.counted {
        // What this version noted at an earlier boot is outdated.
        trial::forget(&installed.running).unwrap_or_else(|error| log::warn!("{error:#}"));
    }
    installed = look(ctx)?;
    let Some(failed) = installed.failed() else {
        return Ok(Report { found, decided: "none failed".to_owned() });
    };
    let message = message(&installed.running, failed, note.as_ref());
    log::error!("{message}");
    banner::show("50-pattern", Some(&message))?;
    Ok(Report { found, decided: format!("reported that {} failed", failed.version) })
}

fn look(ctx: &Context) -> Result<Installed> {
    let image = &ctx.config.image;
    esp::installed(&image.id, &image.version, &Disk::behind_usr(&ctx.usr)?.table()?.table)
}

fn message(running: &str, failed: &Entry, note: Option<&Note>) -> String {
    let Entry { version, tries } = failed;
    let broken = *tries == Some(Tries::BROKEN);
    let what = if broken { "could not be started any more" } else { "failed all its tries" };
    let reason = match note.filter(|note| note.version == *version) {
        Some(note) if broken => note.reason.clone(),
        Some(note) => format!("The last try ended with: {}", note.reason),
        None => {
            "It left no reason: it hung, stopped before it could write one, or the firmware did not take it."
                .to_owned()
        }
    };
    format!("Version {version} {what}; version {running} runs in its place. {reason}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failed(name: &str) -> Entry {
        Entry::parse("demo", name).unwrap()
    }

    #[test]
    fn only_a_note_of_the_failed_version_counts() {
        let note =
            |version: &str| Note { version: version.to_owned(), reason: "demo.service failed".to_owned() };
        let two = failed("demo_2+0-3.efi");
        assert_eq!(
            message("1", &two, Some(&note("2"))),
            "Version 2 failed all its tries; version 1 runs in its place. The last try ended with: demo.service failed"
        );
        assert!(message("1", &two, Some(&note("1"))).ends_with("or the firmware did not take it."));
        assert!(message("1", &two, None).ends_with("or the firmware did not take it."));
    }

    #[test]
    fn a_good_version_that_broke_is_not_said_to_have_failed_tries() {
        let note = Note { version: "2".to_owned(), reason: "pattern-usr: it is damaged".to_owned() };
        assert_eq!(
            message("1", &failed("demo_2+0-1.efi"), Some(&note)),
            "Version 2 could not be started any more; version 1 runs in its place. pattern-usr: it is damaged"
        );
    }
}

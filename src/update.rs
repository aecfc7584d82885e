//! Decides what may be done about updates, by the versions on the EFI system partition.

pub mod entry;
pub mod essential;
pub mod forecast;
pub mod release;
pub mod transfers;
pub mod uki;

use std::fmt;

use entry::{Entry, newest};

/// No update may be installed now: the version that runs is still on trial, and the other slot has the
/// version to fall back to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OnTrial(String);

impl fmt::Display for OnTrial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "version {}, which runs, is still on trial: an update would overwrite the version to fall \
             back to; wait for systemd-bless-boot.service, or see why boot-complete.target is not reached",
            self.0
        )
    }
}

impl std::error::Error for OnTrial {}

/// Returns the entries whose `/usr` is on the disk, by the labels of its partitions. A file that
/// somebody put beside them is not a version to wait for, and the next boot can't start it.
#[must_use]
pub fn with_usr(entries: Vec<Entry>, labels: &[String]) -> Vec<Entry> {
    let has = |entry: &Entry| labels.contains(&format!("usr-{}", entry.version));
    entries.into_iter().filter(has).collect()
}

/// Checks whether an update may be installed while `running` runs. A version that was never started may
/// be overwritten: its owner may have withdrawn it, and the running one is the way back.
///
/// # Errors
/// When it would leave no proved version.
pub fn gate(running: &str, entries: &[Entry]) -> Result<(), OnTrial> {
    let own = |entry: &Entry| entry.version == running;
    match newest(entries, own).is_some_and(|entry| entry.tries_left.is_some()) {
        true => Err(OnTrial(running.to_owned())),
        false => Ok(()),
    }
}

/// Returns the version that the next boot starts in place of this one.
#[must_use]
pub fn staged<'e>(running: &str, entries: &'e [Entry]) -> Option<&'e Entry> {
    newest(entries, |entry| entry.newer_than(running) && !entry.failed())
}

/// Returns the newer version that failed its trial, so that this one runs.
#[must_use]
pub fn failed<'e>(running: &str, entries: &'e [Entry]) -> Option<&'e Entry> {
    newest(entries, |entry| entry.newer_than(running) && entry.failed())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries(names: &[&str]) -> Vec<Entry> {
        names.iter().map(|name| Entry::parse("demo", name).unwrap()).collect()
    }

    #[test]
    fn a_proved_version_with_nothing_newer_may_be_updated() {
        assert_eq!(gate("2", &entries(&["demo_2.efi", "demo_1.efi"])), Ok(()));
        assert_eq!(gate("2", &entries(&["demo_2.efi"])), Ok(()));
        // Started by hand from elsewhere.
        assert_eq!(gate("2", &[]), Ok(()));
    }

    #[test]
    fn a_version_on_trial_keeps_the_way_back() {
        let closed = gate("2", &entries(&["demo_2+2-1.efi", "demo_1.efi"])).unwrap_err();
        assert!(closed.to_string().starts_with("version 2, which runs, is still on trial: "));
        assert_eq!(gate("2", &entries(&["demo_2+0-3.efi", "demo_1.efi"])), Err(closed));
    }

    #[test]
    fn a_version_that_waits_for_its_first_boot_may_be_overwritten() {
        for waiting in ["demo_2+3-0.efi", "demo_2+2-1.efi", "demo_2.efi"] {
            let entries = entries(&[waiting, "demo_1.efi"]);
            assert_eq!(gate("1", &entries), Ok(()));
            assert_eq!(staged("1", &entries).unwrap().version, "2");
        }
    }

    #[test]
    fn a_file_without_its_usr_is_not_a_version() {
        let planted = entries(&["demo_9999.efi", "demo_1.efi"]);
        let labels = ["esp", "usr-1", "usr-", "_empty"].map(str::to_owned);
        assert_eq!(staged("1", &planted).unwrap().version, "9999");
        let entries = with_usr(planted, &labels);
        assert_eq!(gate("1", &entries), Ok(()));
        assert_eq!(staged("1", &entries), None);
        assert_eq!(entries.len(), 1);
    }

    #[test]
    fn a_version_that_failed_may_be_replaced() {
        let entries = entries(&["demo_2+0-3.efi", "demo_1.efi"]);
        assert_eq!(gate("1", &entries), Ok(()));
        assert_eq!(failed("1", &entries).unwrap().version, "2");
        assert_eq!(failed("2", &entries), None);
        assert_eq!(staged("1", &entries), None);
    }
}

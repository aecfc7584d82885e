//! Decides what may be done about updates, by the versions that are installed.

pub mod another;
pub mod entry;
pub mod essential;
pub mod forecast;
pub mod metered;
pub mod news;
pub mod next;
pub mod outlook;
pub mod release;
pub mod room;
#[cfg(test)]
pub(crate) mod samples;
pub mod setting;
pub mod transfers;

use std::fmt;

use entry::{Entry, Tries, merged, newest};
use next::{Next, Step, Why};
use setting::Settings;

/// The versions of this image on a machine, and what the boot loader goes by.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Installed {
    /// `image.id`.
    pub id: String,
    /// The version that runs.
    pub running: String,
    /// Whether the boot loader counts this boot.
    pub counted: bool,
    /// One entry for each version whose `/usr` is on the disk.
    pub entries: Vec<Entry>,
    /// What the boot loader goes by besides them.
    pub settings: Settings,
}

/// No update may be installed now: the version that runs is not proved, and the other slot has the
/// version to fall back to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Unproved {
    /// It is on trial.
    OnTrial(String),
    /// Another version was chosen while it was on trial, or right after.
    Leaving(String),
    /// Its name has counters, and this boot is not counted. So nothing ends the trial.
    NotCounted(String),
}

impl fmt::Display for Unproved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OnTrial(version) => write!(
                f,
                "version {version}, which runs, is still on trial: an update would overwrite the version to fall \
                 back to; wait for systemd-bless-boot.service, or see why boot-complete.target is not reached"
            ),
            Self::Leaving(version) => write!(
                f,
                "another version than {version}, which runs, was chosen for the next boot: restart into it first, or stay: pattern \
                 update {version}"
            ),
            Self::NotCounted(version) => write!(
                f,
                "version {version}, which runs, is not proved, and the firmware did not count this boot (it could not rename \
                 the kernel image), so no trial can end; restart, and if that does not help, call the version good: pattern \
                 update {version}"
            ),
        }
    }
}

impl std::error::Error for Unproved {}

/// Returns an entry for each version whose `/usr` is on the disk, by the labels of its partitions. A
/// file that somebody put beside them is not a version to wait for, and the next boot can't start it.
#[must_use]
pub fn with_usr(entries: Vec<Entry>, labels: &[String]) -> Vec<Entry> {
    let has = |entry: &Entry| labels.contains(&format!("usr-{}", entry.version));
    merged(entries.into_iter().filter(has).collect())
}

impl Installed {
    /// Returns the entry of a version.
    #[must_use]
    pub fn entry(&self, version: &str) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.version == version)
    }

    /// Checks whether an update may be installed now. A version that was never started may be
    /// overwritten: its owner may have withdrawn it, and the running one is the way back.
    ///
    /// # Errors
    /// When it would leave no proved version.
    pub fn gate(&self) -> Result<(), Unproved> {
        let running = || self.running.clone();
        match self.entry(&self.running).filter(|entry| entry.tries.is_some()) {
            // Another version was chosen. This one was proved before, or not: its name does not say so.
            Some(entry) if entry.aside() && self.counted => Err(Unproved::Leaving(running())),
            Some(entry) if entry.aside() => Ok(()),
            Some(_) if self.counted => Err(Unproved::OnTrial(running())),
            Some(_) => Err(Unproved::NotCounted(running())),
            None => Ok(()),
        }
    }

    /// Returns the version that failed, so that this one runs.
    #[must_use]
    pub fn failed(&self) -> Option<&Entry> {
        newest(&self.entries, |entry| entry.version != self.running && entry.failed())
    }

    /// Returns the version that was found to be good, and whose `/usr` could not be opened since, so
    /// that this one was started. `noted` is the version that the last note is about.
    fn broken(&self, noted: Option<&str>) -> Option<&Entry> {
        let noted = self.entry(noted?)?;
        (noted.version != self.running && noted.tries.is_none()).then_some(noted)
    }

    /// Returns what to do about another version that can't be used.
    #[must_use]
    pub fn advice(&self, version: &str) -> String {
        let older = self.entry(version).is_some_and(|entry| !entry.newer_than(&self.running));
        if older {
            format!("until the next update replaces it, {} has no version to go back to", self.running)
        } else {
            format!("to fetch it anew: pattern update {version}")
        }
    }

    /// Returns what to change before anybody logs in, by the version that the last note is about. A
    /// good version that broke loses its tries, so that the boot loader does not start it again. And
    /// the running version is called good if the boot loader would start it again after each failure,
    /// because no version has tries left: a trial of it would never end.
    #[must_use]
    pub fn amend(&self, noted: Option<&str>) -> Option<Step> {
        if let Some(broken) = self.broken(noted) {
            return Some(Step::Count(broken.clone(), Some(Tries::BROKEN)));
        }
        match self.next() {
            Some(Next::Version(entry, Why::NoneLeft)) if entry.version == self.running => {
                Some(Step::Count(entry, None))
            }
            _ => None,
        }
    }

    /// Returns the step that gives the running version's try back at an orderly end before the
    /// verdict, or `None` after a verdict, if the trial was begun too often, or if a person put the
    /// version aside meanwhile.
    #[must_use]
    pub fn give_back(&self) -> Option<Step> {
        let own = self.entry(&self.running).filter(|entry| !entry.aside())?;
        Some(Step::Count(own.clone(), Some(own.tries?.given_back()?)))
    }

    /// Returns the newest version that is older than the running one.
    #[must_use]
    pub fn before(&self) -> Option<&Entry> {
        newest(&self.entries, |entry| entry.version != self.running && !entry.newer_than(&self.running))
    }

    /// Returns the newest version that can be started and is newer than the running one.
    #[must_use]
    pub fn waiting(&self) -> Option<&Entry> {
        newest(&self.entries, |entry| entry.newer_than(&self.running) && !entry.spent())
    }
}

#[cfg(test)]
mod tests {
    use super::samples::entries;
    use super::*;

    fn installed(running: &str, counted: bool, names: &[&str]) -> Installed {
        Installed { counted, ..samples::installed(running, names, Settings::default()) }
    }

    #[test]
    fn a_proved_version_with_nothing_newer_may_be_updated() {
        assert_eq!(installed("2", false, &["demo_2.efi", "demo_1.efi"]).gate(), Ok(()));
        assert_eq!(installed("2", false, &["demo_2.efi"]).gate(), Ok(()));
        // Started by hand from elsewhere.
        assert_eq!(installed("2", false, &[]).gate(), Ok(()));
        // It was called good in this boot, which is still a counted one.
        assert_eq!(installed("2", true, &["demo_2.efi", "demo_1.efi"]).gate(), Ok(()));
    }

    #[test]
    fn a_version_on_trial_keeps_the_way_back() {
        let closed = installed("2", true, &["demo_2+2-1.efi", "demo_1.efi"]).gate().unwrap_err();
        assert!(closed.to_string().starts_with("version 2, which runs, is still on trial: "));
        assert_eq!(installed("2", true, &["demo_2+0-3.efi", "demo_1.efi"]).gate(), Err(closed));
    }

    #[test]
    fn a_trial_that_the_firmware_did_not_count_says_how_it_ends() {
        let closed = installed("2", false, &["demo_2+3-0.efi", "demo_1.efi"]).gate().unwrap_err();
        assert!(closed.to_string().ends_with("call the version good: pattern update 2"), "{closed}");
        // Put aside while it runs: it was good, or on trial.
        let names = ["demo_2+0-0.efi", "demo_1+3-0.efi"];
        assert_eq!(installed("2", false, &names).gate(), Ok(()));
        let said = installed("2", true, &names).gate().unwrap_err().to_string();
        assert!(said.starts_with("another version than 2, which runs, was chosen"), "{said}");
    }

    #[test]
    fn a_version_that_waits_for_its_first_boot_may_be_overwritten() {
        for waiting in ["demo_2+3-0.efi", "demo_2+2-1.efi", "demo_2.efi"] {
            let installed = installed("1", false, &[waiting, "demo_1.efi"]);
            assert_eq!(installed.gate(), Ok(()));
            assert_eq!(installed.waiting().unwrap().version, "2");
        }
    }

    #[test]
    fn a_file_without_its_usr_is_not_a_version() {
        let planted = entries(&["demo_9999.efi", "demo_1.efi"]);
        let labels = ["esp", "usr-1", "usr-", "_empty"].map(str::to_owned);
        assert_eq!(with_usr(planted, &labels), entries(&["demo_1.efi"]));
    }

    #[test]
    fn without_any_tries_left_the_version_that_is_started_again_is_called_good() {
        let good = |entry: &str| Some(Step::Count(Entry::parse("demo", entry).unwrap(), None));
        // Going back failed, and the boot loader took this one again.
        let names = ["demo_2+0-1.efi", "demo_1+0-3.efi"];
        assert_eq!(installed("2", true, &names).amend(None), good("demo_2+0-1.efi"));
        // The last try of going back: if it fails, the boot loader takes the version that was put aside.
        assert_eq!(installed("1", true, &["demo_2+0-0.efi", "demo_1+0-3.efi"]).amend(None), None);
        assert_eq!(installed("2", true, &["demo_2+0-3.efi", "demo_1.efi"]).amend(None), None);
        assert_eq!(installed("2", true, &["demo_2+1-2.efi", "demo_1+0-3.efi"]).amend(None), None);
    }

    #[test]
    fn a_try_is_given_back_before_a_verdict_only() {
        let after = |names: &[&str]| match installed("2", true, names).give_back()? {
            Step::Count(entry, tries) => Some(Entry { tries, ..entry }.file_name("demo")),
            Step::Forget(_) => None,
        };
        assert_eq!(after(&["demo_2+2-1.efi", "demo_1.efi"]).as_deref(), Some("demo_2+3-1.efi"));
        for names in [
            ["demo_2.efi", "demo_1.efi"],
            ["demo_2+0-0.efi", "demo_1+3-0.efi"],
            ["demo_2+2-7.efi", "demo_1.efi"],
        ] {
            assert_eq!(after(&names), None, "{names:?}");
        }
    }

    #[test]
    fn the_version_before_is_the_newest_older_one() {
        let before = |running, names: &[&str]| {
            installed(running, false, names).before().map(|one| one.version.clone())
        };
        assert_eq!(before("3", &["demo_1.efi", "demo_2+0-3.efi", "demo_3.efi"]).as_deref(), Some("2"));
        assert_eq!(before("1", &["demo_1.efi", "demo_2+3-0.efi"]), None);
    }

    #[test]
    fn a_good_version_that_noted_a_failure_is_broken() {
        let one = installed("1", false, &["demo_2.efi", "demo_1.efi"]);
        let two = Entry::parse("demo", "demo_2.efi").unwrap();
        assert_eq!(one.amend(Some("2")), Some(Step::Count(two, Some(Tries::BROKEN))));
        assert_eq!((one.amend(None), one.amend(Some("1")), one.amend(Some("3"))), (None, None, None));
        // It failed a trial: that is known already.
        assert_eq!(installed("1", false, &["demo_2+0-3.efi", "demo_1.efi"]).amend(Some("2")), None);
    }

    #[test]
    fn a_version_that_failed_may_be_replaced() {
        let names = ["demo_2+0-3.efi", "demo_1.efi"];
        let one = installed("1", false, &names);
        assert_eq!(one.gate(), Ok(()));
        assert_eq!(one.failed().unwrap().version, "2");
        assert_eq!(one.waiting(), None);
        assert_eq!(installed("2", true, &names).failed(), None);
        // Going back failed.
        assert_eq!(
            installed("2", true, &["demo_2+0-1.efi", "demo_1+0-3.efi"]).failed().unwrap().version,
            "1"
        );
    }
}

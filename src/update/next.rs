//! Decides which version systemd-boot starts next, and how to have it start another one
//! (systemd-boot(7); UAPI.1, "Sorting").

use std::fmt;

use super::Installed;
use super::entry::{Entry, Tries, newest};
use super::setting::{Setting, matches, pins};

/// Why the boot loader starts a version.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Why {
    /// It is the newest with tries left, or that was found to be good.
    Newest,
    /// A setting names it. The boot loader then does not look at its tries.
    Set(Setting),
    /// No version has tries left.
    NoneLeft,
}

/// What the boot loader starts next.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Next {
    /// A version of this image.
    Version(Entry, Why),
    /// An entry of something else, by its name.
    Other(String, Setting),
}

/// How to change what the boot loader starts.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Step {
    /// Give an entry these counters, or none.
    Count(Entry, Option<Tries>),
    /// Remove a setting of the firmware.
    Forget(Setting),
}

/// `loader.conf` names a version. No command changes that file: its owner wrote it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NamedInFile(String);

impl fmt::Display for NamedInFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "/loader/loader.conf on the EFI system partition has a line \"default\" that means {}, so the boot loader starts \
             that whatever its tries are; remove that line first",
            self.0
        )
    }
}

impl std::error::Error for NamedInFile {}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Newest => f.write_str("it is the newest that may be started"),
            Self::Set(setting) => setting.fmt(f),
            Self::NoneLeft => f.write_str("no version has tries left"),
        }
    }
}

impl Installed {
    /// Returns what the boot loader starts next, or `None` if no version is installed.
    #[must_use]
    pub fn next(&self) -> Option<Next> {
        for (setting, pattern) in self.settings.in_order() {
            let Some(pattern) = pattern else { continue };
            let fits = |entry: &Entry| matches(pattern, &self.id, entry);
            // The boot loader takes the first that fits, and those without tries are the last.
            let first = newest(&self.entries, |entry| fits(entry) && !entry.spent());
            if let Some(entry) = first.or_else(|| newest(&self.entries, fits)) {
                return Some(Next::Version(entry.clone(), Why::Set(setting)));
            }
            // Entries that the boot loader finds by itself, and those of other systems. Any other name
            // is that of an entry that is gone, which the boot loader ignores.
            if pattern.starts_with("auto-") || pattern.ends_with(".conf") {
                return Some(Next::Other(pattern.to_owned(), setting));
            }
        }
        if let Some(entry) = newest(&self.entries, |entry| !entry.spent()) {
            return Some(Next::Version(entry.clone(), Why::Newest));
        }
        newest(&self.entries, |_| true).map(|entry| Next::Version(entry.clone(), Why::NoneLeft))
    }

    /// Returns the steps after which the boot loader starts version `to`, in an order in which it
    /// can start some version after each of them. Another version than the running one is on trial
    /// then.
    ///
    /// # Errors
    /// When `loader.conf` names a version.
    pub fn start(&self, to: &Entry) -> Result<Vec<Step>, NamedInFile> {
        // Even one that names this version: the boot loader would start it again after each failure.
        let pinned = |pattern: &Option<String>| {
            pattern.as_deref().is_some_and(|pattern| pins(pattern, &self.id, &self.entries))
        };
        if let Some(pattern) = self.settings.file.clone().filter(|_| pinned(&self.settings.file)) {
            return Err(NamedInFile(pattern));
        }
        let mut steps = Vec::new();
        let tries = self.tries_to_start(to);
        if tries != to.tries {
            steps.push(Step::Count(to.clone(), tries));
        }
        let newer = self.entries.iter().filter(|entry| entry.newer_than(&to.version) && !entry.spent());
        steps.extend(newer.map(|entry| Step::Count(entry.clone(), Some(Tries::ASIDE))));
        let set = [(Setting::OneShot, &self.settings.one_shot), (Setting::Default, &self.settings.default)];
        let set = set.into_iter().filter(|(_, pattern)| pinned(pattern));
        steps.extend(set.map(|(setting, _)| Step::Forget(setting)));
        Ok(steps)
    }

    /// Another version gets all tries, unless it is the good one that a version on trial goes back to.
    /// The running one keeps its own while the boot loader counts this boot, and is called good
    /// otherwise.
    fn tries_to_start(&self, to: &Entry) -> Option<Tries> {
        let proved = self.entry(&self.running).is_none_or(|entry| entry.tries.is_none());
        match to.version == self.running {
            false if !proved && to.tries.is_none() => None,
            false => Some(Tries::ALL),
            true if self.counted && to.aside() => Some(Tries::ALL),
            true if self.counted => to.tries,
            true => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::update::samples::{entries, installed};
    use crate::update::setting::Settings;

    fn one_shot(text: &str) -> Settings {
        Settings { one_shot: Some(text.to_owned()), ..Settings::default() }
    }

    fn default(text: &str) -> Settings {
        Settings { default: Some(text.to_owned()), ..Settings::default() }
    }

    fn file(text: &str) -> Settings {
        Settings { file: Some(text.to_owned()), ..Settings::default() }
    }

    /// `VERSION: why`.
    fn said(names: &[&str], settings: Settings) -> String {
        match installed("1", names, settings).next() {
            Some(Next::Version(entry, why)) => format!("{}: {why}", entry.version),
            Some(Next::Other(name, setting)) => format!("{name}: {setting}"),
            None => "nothing".to_owned(),
        }
    }

    const BOTH: [&str; 2] = ["demo_1.efi", "demo_2+3-0.efi"];

    #[test]
    fn the_newest_that_may_be_started_is_next_unless_a_setting_names_another() {
        let newest = "it is the newest that may be started";
        let cases = [
            (&BOTH[..], Settings::default(), format!("2: {newest}")),
            (&["demo_1.efi", "demo_2+0-3.efi"], Settings::default(), format!("1: {newest}")),
            (&["demo_1.efi", "demo_2+0-0.efi"], Settings::default(), format!("1: {newest}")),
            (
                &["demo_1+0-3.efi", "demo_2+0-3.efi"],
                Settings::default(),
                "2: no version has tries left".to_owned(),
            ),
            (&[], Settings::default(), "nothing".to_owned()),
            (&BOTH, default("demo_1.efi"), format!("1: {}", Setting::Default)),
            (&BOTH, default("DEMO_1.EFI"), format!("1: {}", Setting::Default)),
            (&BOTH, default("demo_1.efi@1"), format!("1: {}", Setting::Default)),
            (&BOTH, default("demo_*"), format!("2: {}", Setting::Default)),
            (&["demo_1.efi", "demo_2+0-3.efi"], default("demo_*"), format!("1: {}", Setting::Default)),
            (&BOTH, default("demo_[13].efi"), format!("1: {}", Setting::Default)),
            // A pin holds whatever the tries are.
            (&["demo_1.efi", "demo_2+0-3.efi"], default("demo_2.efi"), format!("2: {}", Setting::Default)),
            // What is gone is ignored.
            (&BOTH, default("demo_0.9.efi"), format!("2: {newest}")),
            (&BOTH, file("demo_1.efi"), format!("1: {}", Setting::File)),
            (&BOTH, one_shot("auto-windows"), format!("auto-windows: {}", Setting::OneShot)),
        ];
        for (names, settings, wanted) in cases {
            assert_eq!(said(names, settings.clone()), wanted, "{names:?} {settings:?}");
        }
        let all = Settings { one_shot: Some("demo_2.efi".to_owned()), ..default("demo_1.efi") };
        assert_eq!(said(&BOTH, all), format!("2: {}", Setting::OneShot));
    }

    fn start(running: &str, to: &str, names: &[&str], settings: Settings) -> Vec<String> {
        let installed = installed(running, names, settings);
        let steps = installed.start(installed.entry(to).unwrap()).unwrap();
        let words = |step: &Step| match step {
            Step::Count(entry, tries) => Entry { tries: *tries, ..entry.clone() }.file_name("demo"),
            Step::Forget(setting) => format!("forget {setting:?}"),
        };
        steps.iter().map(words).collect()
    }

    #[test]
    fn going_back_is_a_trial_of_its_own_and_puts_the_newer_aside() {
        let names = ["demo_1.efi", "demo_2.efi"];
        assert_eq!(start("2", "1", &names, Settings::default()), ["demo_1+3-0.efi", "demo_2+0-0.efi"]);
        let after = ["demo_1+3-0.efi", "demo_2+0-0.efi"];
        assert_eq!(said(&after, Settings::default()), "1: it is the newest that may be started");
        assert!(start("2", "1", &after, Settings::default()).is_empty());
        // If the older one fails its trial, the boot loader takes the newer one again.
        let failed = ["demo_1+0-3.efi", "demo_2+0-0.efi"];
        assert_eq!(said(&failed, Settings::default()), "2: no version has tries left");
    }

    #[test]
    fn going_back_from_a_trial_keeps_the_version_that_is_known_to_be_good() {
        assert_eq!(
            start("2", "1", &["demo_1.efi", "demo_2+2-1.efi"], Settings::default()),
            ["demo_2+0-0.efi"]
        );
    }

    #[test]
    fn going_forward_again_is_a_trial_too() {
        assert_eq!(
            start("1", "2", &["demo_1.efi", "demo_2+0-0.efi"], Settings::default()),
            ["demo_2+3-0.efi"]
        );
        assert_eq!(
            start("1", "2", &["demo_1.efi", "demo_2+1-2.efi"], Settings::default()),
            ["demo_2+3-0.efi"]
        );
    }

    #[test]
    fn a_pin_is_removed_even_if_it_names_the_version() {
        assert_eq!(start("1", "2", &BOTH, default("demo_1.efi")), ["forget Default"]);
        assert_eq!(start("1", "2", &BOTH, default("demo_2.efi")), ["forget Default"]);
        assert_eq!(start("1", "2", &BOTH, one_shot("demo_1.efi@1")), ["forget OneShot"]);
        assert!(start("1", "2", &BOTH, default("auto-windows")).is_empty());
        let refused = installed("1", &BOTH, file("demo_1*"));
        let said = refused.start(refused.entry("2").unwrap()).unwrap_err().to_string();
        assert!(said.contains("means demo_1*") && said.ends_with("remove that line first"), "{said}");
        let same = installed("1", &BOTH, file("demo_2.efi"));
        assert!(same.start(same.entry("2").unwrap()).is_err());
        // What fits all pins none.
        assert!(start("1", "2", &BOTH, default("demo_*")).is_empty());
        assert!(start("1", "2", &BOTH, file("demo_*")).is_empty());
    }

    #[test]
    fn staying_puts_what_is_newer_aside_and_calls_good_what_the_firmware_does_not_count() {
        assert_eq!(start("1", "1", &BOTH, Settings::default()), ["demo_2+0-0.efi"]);
        assert_eq!(start("2", "2", &BOTH, Settings::default()), ["demo_2.efi"]);
        let mut counted = installed("2", &["demo_1.efi", "demo_2+2-1.efi"], Settings::default());
        counted.counted = true;
        assert_eq!(counted.start(counted.entry("2").unwrap()), Ok(Vec::new()));
        // After a rollback in the same boot.
        counted.entries = entries(&["demo_1+3-0.efi", "demo_2+0-0.efi"]);
        let steps = counted.start(counted.entry("2").unwrap()).unwrap();
        assert_eq!(steps, [Step::Count(counted.entry("2").unwrap().clone(), Some(Tries::ALL))]);
    }
}

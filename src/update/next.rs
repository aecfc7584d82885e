//! Decides which version systemd-boot starts next, and how to have it start another one
//! (systemd-boot(7); UAPI.1, "Sorting"; UAPI "Boot Loader Interface").

use std::fmt;

use super::Installed;
use super::entry::{Entry, Tries, newest};

/// What the boot loader goes by, besides its entries. Each is a pattern for names of entries.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Settings {
    /// `LoaderEntryOneShot`: for the next boot only.
    pub one_shot: Option<String>,
    /// `LoaderEntryDefault`, which key `d` in the boot menu sets.
    pub default: Option<String>,
    /// `default` in `loader.conf`.
    pub file: Option<String>,
}

/// One of those settings.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Setting {
    /// For the next boot only.
    OneShot,
    /// The firmware's.
    Default,
    /// That of the file.
    File,
}

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

/// `loader.conf` names another version. No command changes that file: its owner wrote it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NamedInFile(String);

impl fmt::Display for NamedInFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "/loader/loader.conf on the EFI system partition has the line \"default {}\", so the boot loader starts \
             nothing else; remove that line first",
            self.0
        )
    }
}

impl std::error::Error for NamedInFile {}

impl fmt::Display for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::OneShot => "it was chosen for one boot (EFI variable LoaderEntryOneShot)",
            Self::Default => "it is the default entry of the boot menu (EFI variable LoaderEntryDefault)",
            Self::File => "it is the default in /loader/loader.conf on the EFI system partition",
        })
    }
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Newest => f.write_str("it is the newest that may be started"),
            Self::Set(setting) => setting.fmt(f),
            Self::NoneLeft => f.write_str("no version has tries left"),
        }
    }
}

impl Settings {
    /// In the order in which the boot loader looks at them.
    fn in_order(&self) -> [(Setting, Option<&str>); 3] {
        [
            (Setting::OneShot, self.one_shot.as_deref()),
            (Setting::Default, self.default.as_deref()),
            (Setting::File, self.file.as_deref()),
        ]
    }
}

impl Installed {
    /// Returns what the boot loader starts next, or `None` if there is no version.
    #[must_use]
    pub fn next(&self) -> Option<Next> {
        for (setting, pattern) in self.settings.in_order() {
            let Some(pattern) = pattern else { continue };
            if let Some(entry) = newest(&self.entries, |entry| matches(pattern, &self.id, entry)) {
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
    /// When `loader.conf` names another version.
    pub fn start(&self, to: &Entry) -> Result<Vec<Step>, NamedInFile> {
        if let Some(pattern) = self.settings.file.as_deref().filter(|pattern| !matches(pattern, &self.id, to))
            && self.is_ours(pattern)
        {
            return Err(NamedInFile(pattern.to_owned()));
        }
        let mut steps = Vec::new();
        let tries = self.tries_to_start(to);
        if tries != to.tries {
            steps.push(Step::Count(to.clone(), tries));
        }
        let newer = self.entries.iter().filter(|entry| entry.newer_than(&to.version) && !entry.spent());
        steps.extend(newer.map(|entry| Step::Count(entry.clone(), Some(Tries::ASIDE))));
        // Even one that names this version: the boot loader would start it again after each failure.
        let set = [(Setting::OneShot, &self.settings.one_shot), (Setting::Default, &self.settings.default)];
        let set =
            set.into_iter().filter(|(_, pattern)| pattern.as_deref().is_some_and(|it| self.is_ours(it)));
        steps.extend(set.map(|(setting, _)| Step::Forget(setting)));
        Ok(steps)
    }

    /// Another version gets all tries. The running one keeps its own while the boot loader counts
    /// this boot, and is called good otherwise.
    fn tries_to_start(&self, to: &Entry) -> Option<Tries> {
        match to.version == self.running {
            false => Some(Tries::ALL),
            true if self.counted => to.tries,
            true => None,
        }
    }

    /// Returns whether a pattern names a version of this image.
    fn is_ours(&self, pattern: &str) -> bool {
        self.entries.iter().any(|entry| matches(pattern, &self.id, entry))
    }
}

/// Returns whether a pattern names an entry: a shell glob, in any case. A profile of a kernel image,
/// such as the one for a factory reset, has the entry's name and `@` with its number.
#[must_use]
pub fn matches(pattern: &str, id: &str, entry: &Entry) -> bool {
    let options = glob::MatchOptions { case_sensitive: false, ..glob::MatchOptions::new() };
    let name = entry.name(id);
    let base = pattern.split_once(".efi@").map_or(pattern, |(base, _)| base);
    let pattern = if base == pattern { pattern.to_owned() } else { format!("{base}.efi") };
    glob::Pattern::new(&pattern).is_ok_and(|pattern| pattern.matches_with(&name, options))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn installed(running: &str, names: &[&str], settings: Settings) -> Installed {
        let entries = names.iter().map(|name| Entry::parse("demo", name).unwrap()).collect();
        Installed { id: "demo".to_owned(), running: running.to_owned(), counted: false, entries, settings }
    }

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
        assert!(
            said.contains("the line \"default demo_1*\"") && said.ends_with("remove that line first"),
            "{said}"
        );
    }

    #[test]
    fn staying_puts_what_is_newer_aside_and_calls_good_what_the_firmware_does_not_count() {
        assert_eq!(start("1", "1", &BOTH, Settings::default()), ["demo_2+0-0.efi"]);
        assert_eq!(start("2", "2", &BOTH, Settings::default()), ["demo_2.efi"]);
        let mut counted = installed("2", &["demo_1.efi", "demo_2+2-1.efi"], Settings::default());
        counted.counted = true;
        assert_eq!(counted.start(counted.entry("2").unwrap()), Ok(Vec::new()));
    }
}

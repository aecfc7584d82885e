//! Parses names of unified kernel images on the EFI system partition. They have version and boot
//! counters (systemd-boot(7), "Boot Counting").

use std::cmp::Ordering;
use std::fmt;

use crate::config::version;

/// Their folder, below the root of the EFI system partition (UAPI.1, "Type #2 EFI Unified Kernel
/// Images").
pub const DIRECTORY: &str = "EFI/Linux";

/// The EFI variable that exists if the boot loader counts this boot (UAPI "Boot Loader Interface").
pub const COUNTED: &str =
    "/sys/firmware/efi/efivars/LoaderBootCountPath-4a67b082-0a4c-41cf-b6c7-440b29bb8c4f";

/// One version of an image that the boot loader can start.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Entry {
    /// Its version.
    pub version: String,
    /// Its boot counters, or `None` after it was found to be good.
    pub tries: Option<Tries>,
}

/// Boot counters: how often a version may still be started, and how often it was.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Tries {
    /// Starts that are left. The boot loader prefers every other version to one with none left.
    pub left: u32,
    /// Starts that were counted.
    pub done: u32,
}

/// What became of a version.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum State {
    /// It was found to be good.
    Good,
    /// It was not started yet.
    Waiting,
    /// It was started, and has no verdict yet.
    OnTrial,
    /// It used up its tries, or broke after it was found to be good.
    Failed,
    /// A person put it aside for another version.
    Aside,
}

impl State {
    /// Returns the word for programs.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Waiting => "waiting",
            Self::OnTrial => "on-trial",
            Self::Failed => "failed",
            Self::Aside => "aside",
        }
    }
}

/// The version, and what became of it.
impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, ", self.version)?;
        let left = self.tries.map_or(0, |tries| tries.left);
        match self.state() {
            State::Good => f.write_str("found to be good"),
            State::Aside => f.write_str("put aside"),
            State::Failed => f.write_str("failed"),
            State::Waiting => write!(f, "not started yet, {left} tries left"),
            State::OnTrial => write!(f, "on trial, {left} tries left"),
        }
    }
}

impl Tries {
    /// Those of a version that was installed and not started yet.
    pub const ALL: Self = Self { left: 3, done: 0 };
    /// Those of a version that a person put aside for another one.
    pub const ASIDE: Self = Self { left: 0, done: 0 };
    /// Those of a good version that could not be started any more. A trial that fails has three starts.
    pub const BROKEN: Self = Self { left: 0, done: 1 };
    /// How often a trial may begin before an orderly end of it costs a try. Without a limit, a machine
    /// on which somebody restarts a bad version by hand would never go back.
    const BEGUN: u32 = 6;

    /// Returns the counters after an orderly end of a boot that could not prove the version yet.
    #[must_use]
    pub fn given_back(self) -> Option<Self> {
        (self.done <= Self::BEGUN).then(|| Self { left: self.left.saturating_add(1), ..self })
    }
}

impl Entry {
    /// Parses a file name such as `demo_0.0.2+3-0.efi`. Returns `None` if it is not a version of
    /// this image. Anybody can write to the partition, so a name that no image can have is refused,
    /// too.
    #[must_use]
    pub fn parse(id: &str, name: &str) -> Option<Self> {
        let rest = name.strip_prefix(id)?.strip_prefix('_')?.strip_suffix(".efi")?;
        let (version, counters) = rest.split_once('+').map_or((rest, None), |(v, c)| (v, Some(c)));
        let tries = match counters {
            None => None,
            Some(text) => {
                let (left, done) = text.split_once('-').unwrap_or((text, "0"));
                Some(Tries { left: left.parse().ok()?, done: done.parse().ok()? })
            }
        };
        version::is_version(version).then(|| Self { version: version.to_owned(), tries })
    }

    /// Returns the boot loader's name for it, which has no counters.
    #[must_use]
    pub fn name(&self, id: &str) -> String {
        format!("{id}_{}.efi", self.version)
    }

    /// Returns its file name, as systemd-sysupdate and the boot loader write it.
    #[must_use]
    pub fn file_name(&self, id: &str) -> String {
        match self.tries {
            None => self.name(id),
            Some(Tries { left, done }) => format!("{id}_{}+{left}-{done}.efi", self.version),
        }
    }

    /// Returns whether it has no tries left. The boot loader prefers every other version.
    #[must_use]
    pub fn spent(&self) -> bool {
        self.tries.is_some_and(|tries| tries.left == 0)
    }

    /// Returns whether it used up its tries, or broke after it was found to be good.
    #[must_use]
    pub fn failed(&self) -> bool {
        self.state() == State::Failed
    }

    /// Returns whether a person put it aside for another version.
    #[must_use]
    pub fn aside(&self) -> bool {
        self.state() == State::Aside
    }

    /// Returns what became of it.
    #[must_use]
    pub fn state(&self) -> State {
        match self.tries {
            None => State::Good,
            Some(Tries::ASIDE) => State::Aside,
            Some(Tries { left: 0, .. }) => State::Failed,
            Some(Tries { done: 0, .. }) => State::Waiting,
            Some(_) => State::OnTrial,
        }
    }

    /// Returns whether its version is newer than this one.
    #[must_use]
    pub fn newer_than(&self, version: &str) -> bool {
        version::compare(&self.version, version) == Ordering::Greater
    }
}

/// Returns one entry for each version. A power cut within a renaming can leave a version under two
/// names: the one without counters counts, or else the one with the most tries left.
#[must_use]
pub fn merged(entries: Vec<Entry>) -> Vec<Entry> {
    let rank = |entry: &Entry| entry.tries.map_or(u64::MAX, |tries| tries.left.into());
    let mut best: Vec<Entry> = Vec::new();
    for entry in entries {
        match best.iter_mut().find(|other| other.version == entry.version) {
            Some(other) if rank(other) >= rank(&entry) => {}
            Some(other) => *other = entry,
            None => best.push(entry),
        }
    }
    best
}

/// Returns the newest entry that meets a condition.
pub fn newest(entries: &[Entry], condition: impl Fn(&Entry) -> bool) -> Option<&Entry> {
    let fitting = entries.iter().filter(|entry| condition(entry));
    fitting.max_by(|one, other| version::compare(&one.version, &other.version))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_carry_version_and_counters() {
        let tries = |left, done| Some(Tries { left, done });
        let cases = [
            ("demo_0.0.2.efi", Some(("0.0.2", None))),
            ("demo_0.0.2+3-0.efi", Some(("0.0.2", tries(3, 0)))),
            ("demo_0.0.2+0-3.efi", Some(("0.0.2", tries(0, 3)))),
            ("demo_0.0.2+3.efi", Some(("0.0.2", tries(3, 0)))),
            ("demo_0.0.2+x.efi", None),
            ("demo_0.0.2+3-.efi", None),
            ("demo_.efi", None),
            ("demo_9\u{1b}[2J.efi", None),
            ("demo_9\u{202e}1.efi", None),
            ("demo_9 9.efi", None),
            ("demo_-9.efi", None),
            ("demo_9;reboot.efi", None),
            ("demo_999999999999999999999999999999.efi", None),
            ("demo_99999999999999999999999999999.efi", Some(("99999999999999999999999999999", None))),
            ("demo_0.0.2.conf", None),
            ("demolition_0.0.2.efi", None),
            (".#sysupdatedemo_0.0.2.efi", None),
        ];
        for (name, wanted) in cases {
            let wanted =
                wanted.map(|(version, tries): (&str, _)| Entry { version: version.to_owned(), tries });
            assert_eq!(Entry::parse("demo", name), wanted, "{name}");
        }
    }

    #[test]
    fn a_file_name_is_parsed_and_written_alike() {
        for name in ["demo_0.0.2.efi", "demo_0.0.2+3-0.efi", "demo_0.0.2+0-0.efi"] {
            let entry = Entry::parse("demo", name).unwrap();
            assert_eq!(
                (entry.file_name("demo").as_str(), entry.name("demo").as_str()),
                (name, "demo_0.0.2.efi")
            );
        }
    }

    #[test]
    fn a_version_without_tries_left_failed_or_was_put_aside() {
        let is = |name| {
            let entry = Entry::parse("demo", name).unwrap();
            (entry.spent(), entry.failed(), entry.aside())
        };
        assert_eq!(is("demo_2.efi"), (false, false, false));
        let states = ["demo_2.efi", "demo_2+3-0.efi", "demo_2+2-1.efi", "demo_2+0-3.efi", "demo_2+0-0.efi"];
        let states = states.map(|name| Entry::parse("demo", name).unwrap().state().name());
        assert_eq!(states, ["good", "waiting", "on-trial", "failed", "aside"]);
        assert_eq!(is("demo_2+1-2.efi"), (false, false, false));
        assert_eq!(is("demo_2+0-3.efi"), (true, true, false));
        assert_eq!(is("demo_2+0-0.efi"), (true, false, true));
        assert_eq!(is("demo_2+0.efi"), (true, false, true));
    }

    #[test]
    fn an_orderly_end_costs_no_try_until_the_trial_was_begun_too_often() {
        let mut tries = Tries::ALL;
        let mut begun = 0;
        while tries.left > 0 {
            tries = Tries { left: tries.left - 1, done: tries.done + 1 };
            begun += 1;
            tries = tries.given_back().unwrap_or(tries);
        }
        assert_eq!(begun, 9);
        assert_eq!(Tries { left: 2, done: 1 }.given_back(), Some(Tries { left: 3, done: 1 }));
    }

    #[test]
    fn a_version_under_two_names_is_one_version() {
        for names in [["demo_2.efi", "demo_2+2-1.efi"], ["demo_2+2-1.efi", "demo_2.efi"]] {
            let entries = merged(names.iter().filter_map(|name| Entry::parse("demo", name)).collect());
            assert_eq!(entries, [Entry { version: "2".to_owned(), tries: None }]);
        }
        let names = ["demo_1.efi", "demo_2+0-3.efi", "demo_2+3-0.efi"];
        let entries = merged(names.iter().filter_map(|name| Entry::parse("demo", name)).collect());
        assert_eq!(entries[1].tries, Some(Tries::ALL));
        assert_eq!(entries.len(), 2);
    }

    #[test]
    fn the_newest_is_found_by_version_not_by_name() {
        let entries = ["demo_0.9.efi", "demo_0.10+0-3.efi", "demo_0.8.efi"];
        let entries = entries.iter().filter_map(|name| Entry::parse("demo", name)).collect::<Vec<_>>();
        assert_eq!(newest(&entries, |_| true).unwrap().version, "0.10");
        assert_eq!(newest(&entries, |entry| !entry.failed()).unwrap().version, "0.9");
        assert_eq!(newest(&entries, |entry| entry.newer_than("0.10")), None);
    }
}

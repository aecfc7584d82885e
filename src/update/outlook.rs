//! What is to be expected of the next boot, in words, as JSON and as an exit status.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::Installed;
use super::entry::{Entry, newest};
use super::forecast::Verdict;
use super::next::{Next, Why};
use crate::hex;
use crate::plain::plain;
use crate::start::Later;

/// What is to be expected of the next boot.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Outlook {
    /// What is there.
    pub installed: Installed,
    /// What the boot loader starts.
    pub next: Option<Next>,
    /// Whether that opens the volume, if there is one.
    pub verdict: Option<Verdict>,
    /// The version that starts if this one fails, and whether that opens the volume.
    pub fallback: Option<(String, Verdict)>,
    /// The registers as they will be, or why that is not known.
    pub registers: BTreeMap<u8, Result<Later, String>>,
}

impl Outlook {
    /// Returns what the names alone tell.
    #[must_use]
    pub fn of(installed: Installed) -> Self {
        Self { next: installed.next(), installed, verdict: None, fallback: None, registers: BTreeMap::new() }
    }

    /// The version that waits, although the next boot starts another one.
    fn passed_over(&self) -> Option<&str> {
        let next = match &self.next {
            Some(Next::Version(entry, _)) => &entry.version,
            _ => "",
        };
        self.installed.waiting().map(|entry| entry.version.as_str()).filter(|waiting| *waiting != next)
    }

    /// The verdict, if it says more than that the running version starts again as in this boot.
    fn told(&self) -> Option<&Verdict> {
        let same =
            matches!(&self.next, Some(Next::Version(entry, _)) if entry.version == self.installed.running);
        self.verdict
            .as_ref()
            .filter(|verdict| !same || matches!(verdict, Verdict::Asks(_) | Verdict::Unclear(_)))
    }

    /// Whether the next boot is a trial: it asks nobody for a key, and the version before starts again instead. The boot loader
    /// counts the start of a version that has no tries left, too (systemd's boot.c, `boot_entry_bump_counters`).
    pub(crate) fn is_trial(&self) -> bool {
        matches!(&self.next, Some(Next::Version(entry, _)) if entry.tries.is_some())
    }

    /// The version that the boot loader starts instead if the next one fails: the newest other one that is not spent.
    #[must_use]
    pub fn fallback_entry(&self) -> Option<Entry> {
        let Some(Next::Version(next, _)) = &self.next else { return None };
        next.tries?;
        newest(&self.installed.entries, |entry| entry.version != next.version && !entry.spent()).cloned()
    }

    /// Returns what a person should know, a line each. The first says what the next boot starts.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        let mut lines = vec![self.first_line()];
        if let Some(waiting) = self.passed_over() {
            lines.push(format!(
                "Version {waiting} is installed and waits; to start it: pattern update {waiting}"
            ));
        }
        if let Some((version, verdict)) = &self.fallback
            && !matches!(verdict, Verdict::Opens(_) | Verdict::Passphrase)
        {
            let (_, words, reason, _) = words(verdict);
            lines.push(format!(
                "If it fails, version {version} starts instead and {words}: {}",
                plain(reason)
            ));
        }
        if let Some(failed) = self.installed.failed().map(|entry| &entry.version) {
            let advice = self.installed.advice(failed);
            lines.push(format!("Version {failed} failed; {advice}"));
        }
        lines
    }

    fn first_line(&self) -> String {
        let running = &self.installed.running;
        match (&self.next, self.told().map(words)) {
            (Some(Next::Version(entry, why)), told) => {
                let version = &entry.version;
                let told = told.map(|(_, words, reason, _)| {
                    let fails = self.is_trial() && matches!(self.verdict, Some(Verdict::Asks(_)));
                    let words = if fails { FAILS } else { words };
                    format!("Version {version} {words}: {}.", plain(reason))
                });
                let first = match why {
                    Why::Newest if version == running => {
                        Some(format!("No newer version is installed: the next boot starts {running}."))
                    }
                    Why::Newest if told.is_some() => None,
                    why => Some(format!("The next boot starts {version}: {why}.")),
                };
                first.into_iter().chain(told).collect::<Vec<_>>().join(" ")
            }
            (Some(Next::Other(name, setting)), _) => format!(
                "The next boot starts the entry {}, which is not a version of this image: {setting}.",
                plain(name)
            ),
            (None, _) => "The EFI system partition has no version of this image.".to_owned(),
        }
    }

    /// Returns the same as an object: see pattern-update(8).
    #[must_use]
    pub fn json(&self) -> Value {
        let (next, why) = match &self.next {
            Some(Next::Version(entry, why)) => (Some(entry.version.as_str()), Some(why.to_string())),
            Some(Next::Other(name, setting)) => (Some(name.as_str()), Some(setting.to_string())),
            None => (None, None),
        };
        let told = self.verdict.as_ref().map(words);
        let another = next.filter(|next| *next != self.installed.running && told.is_some());
        let mut value = json!({
            "version": another,
            "next": next,
            "why": why,
            "waiting": self.passed_over(),
            "failed": self.installed.failed().map(|entry| &entry.version),
        });
        let Some(object) = value.as_object_mut() else { return value };
        if let Some((answer, _, reason, _)) = told {
            object.insert("opens".to_owned(), answer.into());
            object.insert("reason".to_owned(), reason.into());
        }
        if let Some((version, verdict)) = &self.fallback {
            let (answer, _, reason, _) = words(verdict);
            let fallback = json!({ "version": version, "opens": answer, "reason": reason });
            object.insert("fallback".to_owned(), fallback);
        }
        if !self.registers.is_empty() {
            let registers = self.registers.iter().map(|(pcr, later)| (pcr.to_string(), register(later)));
            object.insert("registers".to_owned(), registers.collect::<Map<_, _>>().into());
        }
        value
    }

    /// Returns the exit status of `pattern check-update`.
    #[must_use]
    pub fn code(&self) -> u8 {
        match (&self.next, self.told().map(words)) {
            _ if self.passed_over().is_some() => 1,
            (_, Some((.., code))) => code,
            (Some(Next::Version(..)), None) => 0,
            (Some(Next::Other(..)) | None, None) => 3,
        }
    }
}

fn register(later: &Result<Later, String>) -> Value {
    match later {
        Ok(later) => {
            json!({ "value": hex::encode(&later.value), "with": later.with, "without": later.without })
        }
        Err(doubt) => json!({ "unclear": doubt }),
    }
}

/// Of a version whose trial can't succeed.
const FAILS: &str =
    "will fail its trial, as the persist volume does not open by itself and nobody is asked for a key";

/// The verdict in JSON, in words, its reason, and the exit status.
fn words(verdict: &Verdict) -> (&'static str, &'static str, &str, u8) {
    match verdict {
        Verdict::Opens(reason) => ("yes", "will open the persist volume by itself", reason, 0),
        Verdict::Asks(reason) => ("no", "will ask for the recovery key", reason, 1),
        Verdict::Passphrase => {
            ("passphrase", "will ask for the passphrase, as each boot does", "this machine has no TPM", 0)
        }
        Verdict::Unclear(reason) => ("unclear", "may or may not open the persist volume", reason, 3),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::update::samples::installed;
    use crate::update::setting::Settings;

    fn outlook(names: &[&str], settings: Settings) -> Outlook {
        let outlook = Outlook::of(installed("1", names, settings));
        let other = matches!(&outlook.next, Some(Next::Version(entry, _)) if entry.version != "1");
        let verdict = other.then(|| Verdict::Opens("it is signed".to_owned()));
        Outlook { verdict, ..outlook }
    }

    fn told(names: &[&str], settings: Settings) -> (String, u8) {
        let outlook = outlook(names, settings);
        (outlook.lines().join(" "), outlook.code())
    }

    fn default(name: &str) -> Settings {
        Settings { default: Some(name.to_owned()), ..Settings::default() }
    }

    /// So that the status of a machine without a TPM is not an error for ever.
    #[test]
    fn a_passphrase_that_each_boot_asks_for_is_not_a_warning() {
        let mut outlook = outlook(&["demo_1.efi", "demo_2+3-0.efi"], Settings::default());
        outlook.verdict = Some(Verdict::Passphrase);
        let words = "Version 2 will ask for the passphrase, as each boot does: this machine has no TPM.";
        assert_eq!((outlook.lines(), outlook.code()), (vec![words.to_owned()], 0));
        assert_eq!(outlook.json()["opens"], "passphrase");
    }

    /// The boot loader goes back to the version before.
    #[test]
    fn nobody_is_promised_a_question_that_a_trial_does_not_ask() {
        let words = |names: &[&str], settings| {
            let mut outlook = outlook(names, settings);
            outlook.verdict = Some(Verdict::Asks("no signature".to_owned()));
            (outlook.first_line(), outlook.code())
        };
        let fails = "Version 2 will fail its trial, as the persist volume does not open by itself and nobody is asked for a key: \
                     no signature.";
        let asks = "The next boot starts 2: it is the default entry of the boot menu (EFI variable LoaderEntryDefault). \
                    Version 2 will ask for the recovery key: no signature.";
        assert_eq!(words(&["demo_1.efi", "demo_2+3-0.efi"], Settings::default()), (fails.to_owned(), 1));
        assert_eq!(words(&["demo_1.efi", "demo_2.efi"], default("demo_2.efi")), (asks.to_owned(), 1));
        let (none_left, _) = words(&["demo_1+0-3.efi", "demo_2+0-3.efi"], Settings::default());
        assert!(none_left.ends_with(fails), "{none_left}");
    }

    #[test]
    fn each_state_has_its_words_and_its_status() {
        let opens = "Version 2 will open the persist volume by itself: it is signed.";
        let menu = "it is the default entry of the boot menu (EFI variable LoaderEntryDefault)";
        let waits = "Version 2 is installed and waits; to start it: pattern update 2";
        let none = "No newer version is installed: the next boot starts 1.";
        let both = ["demo_1.efi", "demo_2+3-0.efi"];
        let cases = [
            (told(&["demo_1.efi"], Settings::default()), none.to_owned(), 0),
            (told(&both, Settings::default()), opens.to_owned(), 0),
            (told(&both, default("demo_1.efi")), format!("The next boot starts 1: {menu}. {waits}"), 1),
            (told(&both, default("demo_2.efi")), format!("The next boot starts 2: {menu}. {opens}"), 0),
            (
                told(&["demo_1.efi", "demo_2+0-3.efi"], Settings::default()),
                format!("{none} Version 2 failed; to fetch it anew: pattern update 2"),
                0,
            ),
            (told(&["demo_1.efi", "demo_2+0-0.efi"], Settings::default()), none.to_owned(), 0),
            (
                told(&[], Settings::default()),
                "The EFI system partition has no version of this image.".to_owned(),
                3,
            ),
            (
                told(&["demo_1.efi"], default("auto-windows")),
                format!(
                    "The next boot starts the entry auto-windows, which is not a version of this image: {menu}."
                ),
                3,
            ),
        ];
        for ((said, code), wanted, wanted_code) in cases {
            assert_eq!((said.as_str(), code), (wanted.as_str(), wanted_code));
        }
    }

    #[test]
    fn the_object_has_the_same() {
        let waits = outlook(&["demo_1.efi", "demo_2+3-0.efi"], default("demo_1.efi")).json();
        assert_eq!(
            (&waits["version"], &waits["next"], &waits["waiting"]),
            (&Value::Null, &"1".into(), &"2".into())
        );
        let goes = outlook(&["demo_1.efi", "demo_2+3-0.efi"], Settings::default()).json();
        assert_eq!(
            (&goes["version"], &goes["opens"], &goes["failed"]),
            (&"2".into(), &"yes".into(), &Value::Null)
        );
        assert_eq!(goes["why"], "it is the newest that may be started");
    }
}

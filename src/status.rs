//! The state of a machine in words and as JSON, and what a person should do about it:
//! pattern-status(8).

use serde_json::{Value, json};

use crate::config::size::Size;
use crate::delta::unfinished::Unfinished;
use crate::plain::plain;
use crate::update::Unproved;
use crate::update::entry::Entry;
use crate::update::forecast::Verdict;
use crate::update::news::News;
use crate::update::next::Next;
use crate::update::outlook::Outlook;
use crate::volume::recovery::RecoverySlot;

/// What was found on the machine.
#[derive(Clone, Debug)]
pub struct Status {
    /// Versions, and what the next boot starts.
    pub outlook: Outlook,
    /// Where releases come from.
    pub url: String,
    /// What their server said last. A version that is installed by now is not news any more.
    pub news: News,
    /// Seconds since 1970.
    pub now: u64,
    /// The version in the other slot, and why it can't be verified. `None` if it was not read.
    pub verified: Option<(String, Result<(), String>)>,
    /// A download that was cut, or is at work.
    pub unfinished: Option<Unfinished>,
    /// The persist volume, if there is one.
    pub volume: Option<Volume>,
    /// Directories that are kept.
    pub kept: Vec<&'static str>,
    /// Whether the next boot erases the volume.
    pub reset: bool,
    /// What else a person should know, each a sentence.
    pub warnings: Vec<String>,
}

/// The persist volume.
#[derive(Clone, Debug)]
pub struct Volume {
    /// Its device.
    pub device: String,
    /// Bytes of its file system, and how many are free, if it is mounted.
    pub room: Option<(u64, u64)>,
    /// Its recovery keys.
    pub recovery: Vec<RecoverySlot>,
    /// Whether the next boot makes a new recovery key.
    pub new_key: bool,
}

impl Status {
    /// Returns what a person should do or know, a sentence each. There is nothing if all is well.
    #[must_use]
    pub fn to_do(&self) -> Vec<String> {
        // The first line of the outlook says what is so anyway.
        let mut lines: Vec<String> = self.outlook.lines().into_iter().skip(1).collect();
        if let Err(unproved @ (Unproved::NotCounted(_) | Unproved::Leaving(_))) =
            self.outlook.installed.gate()
        {
            lines.push(capital(&unproved.to_string()));
        }
        if let Some(Verdict::Asks(reason)) = &self.outlook.verdict {
            let does = if self.outlook.is_trial() {
                "is a trial, and fails, as the volume does not open by itself"
            } else {
                "asks for the recovery key"
            };
            lines.push(format!("The next boot {does}: {}", plain(reason)));
        }
        if let Some(Next::Other(..)) | None = &self.outlook.next {
            lines.extend(self.outlook.lines().into_iter().take(1));
        }
        if let Some((version, Err(why))) = &self.verified {
            let advice = self.outlook.installed.advice(version);
            lines.push(format!("Version {version} is damaged ({}); {advice}", plain(why)));
        }
        if let Some(version) = self.offered() {
            lines.push(format!("Version {version} is offered; to install it: pattern update"));
        }
        lines.extend(self.warnings.iter().map(|warning| plain(warning)));
        lines
    }

    /// Returns the lines for a person.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        let installed = &self.outlook.installed;
        let own = installed.entry(&installed.running);
        let running = own.map_or_else(|| installed.running.clone(), Entry::to_string);
        let mut lines = vec![row("Version", &format!("{running} ({})", installed.id))];
        let others = installed.entries.iter().filter(|entry| entry.version != installed.running);
        lines.extend(others.map(|entry| row("Other", &format!("{entry}{}", self.verified(entry)))));
        lines.extend(self.unfinished.iter().map(|unfinished| row("Unfinished", &unfinished.to_string())));
        lines.push(row("Next boot", &self.next()));
        let news = News { offered: self.offered().map(str::to_owned), ..self.news.clone() };
        lines.push(row("Updates", &format!("{}: {}", self.url, news.words(self.now))));
        lines.push(row("Volume", &self.volume.as_ref().map_or_else(|| "none".to_owned(), Volume::words)));
        let kept: Vec<String> = self.kept.iter().map(|name| format!("/{name}")).collect();
        lines.push(row("Kept", &if kept.is_empty() { "nothing".to_owned() } else { kept.join(" ") }));
        if self.reset {
            lines.push(row("Reset", "the next boot erases the volume; to keep it: pattern reset --cancel"));
        }
        lines.extend(self.to_do().iter().map(|line| row("To do", line)));
        lines
    }

    /// Returns the version that is offered and not installed.
    fn offered(&self) -> Option<&str> {
        let offered = self.news.offered.as_deref()?;
        self.outlook.installed.entry(offered).is_none().then_some(offered)
    }

    fn verified(&self, entry: &Entry) -> &'static str {
        match &self.verified {
            Some((version, Ok(()))) if *version == entry.version => ", every block is verified",
            Some((version, Err(_))) if *version == entry.version => ", damaged",
            _ => "",
        }
    }

    fn next(&self) -> String {
        match &self.outlook.next {
            Some(Next::Version(entry, why)) => format!("{}: {why}{}", entry.version, self.opens()),
            Some(Next::Other(name, setting)) => format!("{}: {setting}", plain(name)),
            None => "no version is there".to_owned(),
        }
    }

    fn opens(&self) -> &'static str {
        match &self.outlook.verdict {
            Some(Verdict::Opens(_)) => "; it opens the volume by itself",
            Some(Verdict::Asks(_)) if self.outlook.is_trial() => "; it does not open the volume by itself",
            Some(Verdict::Asks(_)) => "; it asks for the recovery key",
            Some(Verdict::Passphrase) => "; it asks for the passphrase, as each boot does",
            Some(Verdict::Unclear(_)) => "; whether it opens the volume by itself can't be said",
            None => "",
        }
    }

    /// Returns an object: see pattern-status(8).
    #[must_use]
    pub fn json(&self) -> Value {
        let installed = &self.outlook.installed;
        let versions: Vec<Value> = installed.entries.iter().map(|entry| self.version(entry)).collect();
        let volume = self.volume.as_ref().map(Volume::json);
        json!({
            "id": installed.id,
            "version": installed.running,
            "versions": versions,
            "next": self.outlook.json(),
            "updates": {
                "url": self.url,
                "answered": self.news.answered,
                "offered": self.offered(),
                "failed": self.news.failed,
            },
            "unfinished": self.unfinished.as_ref().map(Unfinished::json),
            "volume": volume,
            "kept": self.kept,
            "reset": self.reset,
            "to_do": self.to_do(),
        })
    }

    fn version(&self, entry: &Entry) -> Value {
        let verified = self.verified.as_ref().filter(|(version, _)| *version == entry.version);
        json!({
            "version": entry.version,
            "entry": entry.file_name(&self.outlook.installed.id),
            "state": entry.state().name(),
            "tries_left": entry.tries.map(|tries| tries.left),
            "verified": verified.map(|(_, result)| result.is_ok()),
        })
    }
}

impl Volume {
    fn words(&self) -> String {
        let room = self.room.map_or_else(String::new, |(all, free)| {
            format!(", {} of {} free", whole_mib(free), whole_mib(all))
        });
        let new = if self.new_key { ", and the next boot makes a new one" } else { "" };
        format!("{}{room}, recovery key {}{new}", self.device, self.recovery_word())
    }

    fn recovery_word(&self) -> &'static str {
        match &self.recovery[..] {
            [] => "missing",
            slots if slots.iter().any(|slot| slot.confirmed) => "confirmed",
            _ => "not confirmed",
        }
    }

    fn json(&self) -> Value {
        json!({
            "device": self.device,
            "bytes": self.room.map(|(all, _)| all),
            "free": self.room.map(|(_, free)| free),
            "recovery_key": self.recovery_word(),
            "new_recovery_key_at_next_boot": self.new_key,
        })
    }
}

fn whole_mib(bytes: u64) -> Size {
    Size::from_bytes(bytes >> 20 << 20)
}

fn row(name: &str, value: &str) -> String {
    format!("{name:<10} {value}")
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::update::next::Why;
    use crate::update::samples::installed;
    use crate::update::setting::Settings;

    fn status(names: &[&str], settings: Settings) -> Status {
        let verdict = Some(Verdict::Opens("it is signed".to_owned()));
        Status {
            outlook: Outlook { verdict, ..Outlook::of(installed("1", names, settings)) },
            url: "https://example.org/".to_owned(),
            news: News { answered: Some(1000), ..News::default() },
            now: 1000 + 7200,
            verified: None,
            unfinished: None,
            volume: Some(Volume {
                device: "/dev/vda6".to_owned(),
                room: Some((7 << 30, 5 << 30)),
                recovery: vec![RecoverySlot { token: 1, keyslot: 1, confirmed: true, escrow: None }],
                new_key: false,
            }),
            kept: vec!["etc", "var"],
            reset: false,
            warnings: Vec::new(),
        }
    }

    #[test]
    fn a_machine_that_is_well_has_nothing_to_do() {
        let status = status(&["demo_1.efi", "demo_2+3-0.efi"], Settings::default());
        let wanted = [
            "Version    1, found to be good (demo)",
            "Other      2, not started yet, 3 tries left",
            "Next boot  2: it is the newest that may be started; it opens the volume by itself",
            "Updates    https://example.org/: nothing newer 2 hours ago",
            "Volume     /dev/vda6, 5G of 7G free, recovery key confirmed",
            "Kept       /etc /var",
        ];
        assert_eq!(status.lines(), wanted);
        assert!(status.to_do().is_empty());
        let mut volume = status.volume.unwrap();
        volume.new_key = true;
        assert!(volume.words().ends_with("recovery key confirmed, and the next boot makes a new one"));
    }

    #[test]
    fn what_a_person_should_do_is_said_with_the_command() {
        let pinned = Settings { default: Some("demo_1.efi".to_owned()), ..Settings::default() };
        let mut status = status(&["demo_1.efi", "demo_2+3-0.efi"], pinned);
        status.verified = Some(("2".to_owned(), Err("a block is wrong".to_owned())));
        status.outlook.verdict = Some(Verdict::Asks("PCR 7 changed".to_owned()));
        status.warnings.push("Secure Boot is off\u{1b}.".to_owned());
        assert_eq!(
            status.to_do(),
            [
                "Version 2 is installed and waits; to start it: pattern update 2",
                "The next boot asks for the recovery key: PCR 7 changed",
                "Version 2 is damaged (a block is wrong); to fetch it anew: pattern update 2",
                "Secure Boot is off\\u{1b}.",
            ]
        );
        assert_eq!(status.lines().iter().filter(|line| line.starts_with("To do ")).count(), 4);
    }

    #[test]
    fn a_trial_that_is_not_counted_and_a_missing_version_are_said() {
        let uncounted = status(&["demo_1+3-0.efi"], Settings::default()).to_do();
        assert!(uncounted[0].starts_with("Version 1, which runs, is not proved, and "), "{uncounted:?}");
        let mut older = status(&["demo_1.efi", "demo_0.9.efi"], Settings::default());
        older.verified = Some(("0.9".to_owned(), Err("a block is wrong".to_owned())));
        let wanted = "Version 0.9 is damaged (a block is wrong); until the next update replaces it, 1 has no version to go back to";
        assert_eq!(older.to_do(), [wanted]);
        let none = status(&[], Settings::default()).to_do();
        assert_eq!(none, ["The EFI system partition has no version of this image."]);
    }

    #[test]
    fn a_version_that_is_offered_is_news_until_it_is_installed() {
        let mut status = status(&["demo_1.efi"], Settings::default());
        status.news.offered = Some("2".to_owned());
        assert_eq!(status.to_do(), ["Version 2 is offered; to install it: pattern update"]);
        assert_eq!(status.lines()[2], "Updates    https://example.org/: 2 was offered 2 hours ago");
        assert_eq!(status.json()["updates"]["offered"], "2");
        status.news.offered = Some("1".to_owned());
        assert!(status.to_do().is_empty());
        assert_eq!(status.json()["updates"]["offered"], Value::Null);
    }

    #[test]
    fn the_object_has_each_version_with_its_state() {
        let mut status = status(&["demo_1.efi", "demo_2+0-3.efi"], Settings::default());
        status.verified = Some(("2".to_owned(), Ok(())));
        let object = status.json();
        assert_eq!(object["version"], "1");
        assert_eq!(object["versions"][1]["state"], "failed");
        assert_eq!(object["versions"][1]["entry"], "demo_2+0-3.efi");
        assert_eq!(object["versions"][1]["verified"], true);
        assert_eq!(object["versions"][0]["tries_left"], Value::Null);
        assert_eq!(object["next"]["next"], "1");
        assert_eq!(object["next"]["why"], Why::Newest.to_string());
        assert_eq!(object["volume"]["recovery_key"], "confirmed");
        assert_eq!(object["to_do"][0], "Version 2 failed; to fetch it anew: pattern update 2");
    }
}

//! Parses names of unified kernel images on the EFI system partition. They have version and boot
//! counters (systemd-boot(7), "Boot Counting").

use std::cmp::Ordering;

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
    /// How often it may still be tried, or `None` after it was found to be good.
    pub tries_left: Option<u32>,
}

impl Entry {
    /// Parses a file name such as `demo_0.0.2+3-0.efi`. Returns `None` if it is not a version of
    /// this image. Anybody can write to the partition, so a name that no image can have is refused,
    /// too.
    #[must_use]
    pub fn parse(id: &str, name: &str) -> Option<Self> {
        let rest = name.strip_prefix(id)?.strip_prefix('_')?.strip_suffix(".efi")?;
        let (version, counters) = rest.split_once('+').map_or((rest, None), |(v, c)| (v, Some(c)));
        let tries_left = match counters {
            None => None,
            Some(text) => {
                let (left, done) = text.split_once('-').unwrap_or((text, "0"));
                let _: u32 = done.parse().ok()?;
                Some(left.parse().ok()?)
            }
        };
        version::is_version(version).then(|| Self { version: version.to_owned(), tries_left })
    }

    /// Returns whether it used up its tries. The boot loader prefers every other version.
    #[must_use]
    pub fn failed(&self) -> bool {
        self.tries_left == Some(0)
    }

    /// Returns whether its version is newer than this one.
    #[must_use]
    pub fn newer_than(&self, version: &str) -> bool {
        version::compare(&self.version, version) == Ordering::Greater
    }
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
        let cases = [
            ("demo_0.0.2.efi", Some(("0.0.2", None))),
            ("demo_0.0.2+3-0.efi", Some(("0.0.2", Some(3)))),
            ("demo_0.0.2+0-3.efi", Some(("0.0.2", Some(0)))),
            ("demo_0.0.2+3.efi", Some(("0.0.2", Some(3)))),
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
            let wanted = wanted
                .map(|(version, tries_left): (&str, _)| Entry { version: version.to_owned(), tries_left });
            assert_eq!(Entry::parse("demo", name), wanted, "{name}");
        }
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

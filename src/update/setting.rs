//! What systemd-boot goes by besides its entries: patterns for their names (systemd-boot(7);
//! loader.conf(5); UAPI "Boot Loader Interface").

use std::fmt;

use super::entry::Entry;

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

impl fmt::Display for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::OneShot => "it was chosen for one boot (EFI variable LoaderEntryOneShot)",
            Self::Default => "it is the default entry of the boot menu (EFI variable LoaderEntryDefault)",
            Self::File => "it is the default in /loader/loader.conf on the EFI system partition",
        })
    }
}

impl Settings {
    /// In the order in which the boot loader looks at them.
    pub(super) fn in_order(&self) -> [(Setting, Option<&str>); 3] {
        [
            (Setting::OneShot, self.one_shot.as_deref()),
            (Setting::Default, self.default.as_deref()),
            (Setting::File, self.file.as_deref()),
        ]
    }
}

/// Returns whether a pattern names some entries and not the others. One that fits all, such as
/// `demo_*`, leaves the choice to the boot loader's order.
#[must_use]
pub fn pins(pattern: &str, id: &str, entries: &[Entry]) -> bool {
    let fits = entries.iter().filter(|entry| matches(pattern, id, entry)).count();
    fits > 0 && (fits < entries.len() || !pattern.contains(['*', '?', '[']))
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

//! The names of the files in a release, and whether it fits a machine. systemd-sysupdate reads
//! version, partition UUID and size from them (sysupdate.d(5), "MatchPattern=").

use std::fmt;

use crate::config::size::Size;

/// One of the two partitions of a version.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Part {
    /// The hash tree.
    Verity,
    /// `/usr` itself.
    Usr,
}

/// Suffixes of what systemd-pull of systemd 257 unpacks, starting with none.
const SUFFIXES: [&str; 4] = ["", ".xz", ".gz", ".bz2"];

impl Part {
    /// Both parts, in the order in which an update writes them.
    pub const ALL: [Self; 2] = [Self::Verity, Self::Usr];

    /// Returns the word in file names and partition labels.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Verity => "verity",
            Self::Usr => "usr",
        }
    }

    /// Returns the file name of a version with this many unpacked bytes:
    /// `demo_0.0.2_UUID_BYTES.usr.raw`.
    #[must_use]
    pub fn file_name(self, base: &str, uuid: &str, bytes: u64) -> String {
        format!("{base}_{uuid}_{bytes}.{}.raw", self.name())
    }

    /// Returns the patterns that match every version in systemd-sysupdate, packed or not.
    #[must_use]
    pub fn patterns(self, id: &str) -> String {
        let one = |suffix| format!("{id}_@v_@u_@s.{}.raw{suffix}", self.name());
        SUFFIXES.map(one).join(" ")
    }

    /// Returns how many bytes the file of this part has after unpacking, or `None` for another
    /// file.
    #[must_use]
    pub fn bytes(self, file_name: &str) -> Option<u64> {
        let (stem, _suffix) = file_name.split_once(&format!(".{}.raw", self.name()))?;
        stem.rsplit_once('_')?.1.parse().ok()
    }
}

/// A part is larger than the slot that it would be written to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TooSmall {
    part: Part,
    needed: u64,
    there: u64,
}

impl fmt::Display for TooSmall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.there == 0 {
            return write!(
                f,
                "the disk has no second {} partition: pattern-grow makes it in a boot without pattern.grow=no",
                self.part.name()
            );
        }
        let mebibytes = |bytes: u64| Size::from_bytes(bytes.next_multiple_of(1 << 20));
        write!(
            f,
            "the free {} partition is too small: the version has {}, the partition {}; such a version needs a new \
             installation, or must be built smaller",
            self.part.name(),
            mebibytes(self.needed),
            mebibytes(self.there)
        )
    }
}

impl std::error::Error for TooSmall {}

/// Checks that the files of a version fit a slot whose partitions have `room` bytes.
///
/// # Errors
/// When a part does not fit. The error names it.
pub fn fits(files: &[String], room: impl Fn(Part) -> u64) -> Result<(), TooSmall> {
    for part in Part::ALL {
        let there = room(part);
        let needed = files.iter().filter_map(|name| part.bytes(name)).max().unwrap_or(0);
        if needed > there {
            return Err(TooSmall { part, needed, there });
        }
    }
    Ok(())
}

/// Returns how many unpacked bytes the files of a version have, besides the kernel image. A part that no file has counts as the
/// slot: systemd 262 does not name what a download that was cut was to fetch.
#[must_use]
pub fn whole(files: &[String], room: impl Fn(Part) -> u64) -> u64 {
    let bytes =
        |part: Part| files.iter().filter_map(|name| part.bytes(name)).max().unwrap_or_else(|| room(part));
    Part::ALL.map(bytes).into_iter().fold(0, u64::saturating_add)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_hold_what_sysupdate_needs() {
        let name = Part::Usr.file_name("demo_0.0.2", "0f3b-22", 4096);
        assert_eq!(name, "demo_0.0.2_0f3b-22_4096.usr.raw");
        assert_eq!(Part::Usr.bytes(&name), Some(4096));
        assert_eq!(Part::Usr.bytes(&format!("{name}.xz")), Some(4096));
        assert_eq!(Part::Verity.bytes(&name), None);
        assert_eq!(Part::Usr.bytes("demo_0.0.2.efi"), None);
        let patterns = Part::Verity.patterns("demo");
        assert!(patterns.starts_with("demo_@v_@u_@s.verity.raw demo_@v_@u_@s.verity.raw.xz "), "{patterns}");
    }

    #[test]
    fn the_whole_is_both_parts_and_a_part_without_a_file_is_the_slot() {
        let files = ["x_2_a_1048577.usr.raw.xz".to_owned(), "x_2_b_5.verity.raw".to_owned()];
        assert_eq!(whole(&files, |_| 9), 1_048_582);
        assert_eq!(whole(&files[..1], |_| 9), 1_048_586);
        assert_eq!(whole(&["x_2_a_18446744073709551615.usr.raw".to_owned()], |_| 9), u64::MAX);
    }

    #[test]
    fn a_version_that_is_too_large_is_told_so() {
        let files =
            ["x_2_a_1048577.usr.raw.xz".to_owned(), "x_2_b_5.verity.raw".to_owned(), "x_2.efi".to_owned()];
        assert_eq!(fits(&files, |_| 2 << 20), Ok(()));
        let error = fits(&files, |_| 1 << 20).unwrap_err().to_string();
        let start = "the free usr partition is too small: the version has 2M, the partition 1M; ";
        assert!(error.starts_with(start), "{error}");
        let none = fits(&files, |_| 0).unwrap_err().to_string();
        assert!(none.starts_with("the disk has no second verity partition: "), "{none}");
    }
}

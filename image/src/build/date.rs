//! The date of an image: all its files have it, so that two builds of a version have the same bytes.

use std::ffi::OsStr;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::{Duration, UNIX_EPOCH};
use std::{env, fmt, fs};

use anyhow::{Context, Result};
use sha2::{Digest, Sha256};

/// What tools of other projects read, too: reproducible-builds.org, "SOURCE_DATE_EPOCH".
const VARIABLE: &str = "SOURCE_DATE_EPOCH";

/// Seconds since 1970. File systems and signatures can't have more than this type.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Date(u32);

impl Date {
    /// Returns what `SOURCE_DATE_EPOCH` says or, where it is not set, the time at which `pattern.toml` was last
    /// changed: each version changes it.
    ///
    /// # Errors
    /// When the variable is not a time, or the file's time can't be read.
    pub(crate) fn find(file: &Path) -> Result<Self> {
        Self::find_or(|| Self::changed(file))
    }

    /// Returns what `SOURCE_DATE_EPOCH` says or, where it is not set, the time that something was made.
    ///
    /// # Errors
    /// When the variable is not a time, or the other time can't be read.
    pub(crate) fn find_or(made: impl FnOnce() -> Result<u32>) -> Result<Self> {
        env::var_os(VARIABLE).map_or_else(|| made().map(Self), |text| Self::given(&text))
    }

    /// # Errors
    /// When the text is not a number of seconds.
    pub(crate) fn given(text: &OsStr) -> Result<Self> {
        let seconds = text.to_str().and_then(|text| text.parse().ok());
        seconds.map(Self).with_context(|| {
            format!("{VARIABLE} must be seconds since 1970, such as 1764000000, not {text:?}")
        })
    }

    fn changed(file: &Path) -> Result<u32> {
        let found = fs::metadata(file).with_context(|| format!("looking at {}", file.display()))?;
        u32::try_from(found.mtime()).with_context(|| {
            format!(
                "{} was last changed before 1970 or after 2105: touch it, or set {VARIABLE}",
                file.display()
            )
        })
    }

    /// Returns the seconds since 1970.
    pub(crate) fn seconds(self) -> u32 {
        self.0
    }

    /// Returns the UUID that those of an image's partitions and file systems are made from. It differs from
    /// version to version, and when `pattern.toml` was changed: two disks in one machine are told apart by them.
    pub(crate) fn seed(self, base: &str) -> String {
        uuid(&format!("pattern {base} {}", self.0))
    }
}

/// RFC 3339, in UTC.
impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        humantime::format_rfc3339_seconds(UNIX_EPOCH + Duration::from_secs(self.0.into())).fmt(f)
    }
}

/// Returns a UUID that follows from a text (RFC 9562, version 8).
pub(crate) fn uuid(text: &str) -> String {
    let hash = Sha256::digest(text);
    let mut number = u128::from_be_bytes(std::array::from_fn(|index| hash[index]));
    number = number & !(0xf << 76) | 0x8 << 76;
    number = number & !(0b11 << 62) | 0b10 << 62;
    let digits = format!("{number:032x}");
    [&digits[..8], &digits[8..12], &digits[12..16], &digits[16..20], &digits[20..]].join("-")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::temporary;

    #[test]
    fn a_given_date_is_a_number_of_seconds() {
        let date = Date::given(OsStr::new("1764000000")).unwrap();
        assert_eq!((date.seconds(), date.to_string().as_str()), (1_764_000_000, "2025-11-24T16:00:00Z"));
        for text in ["", "today", "-1", "1764000000.5", "4294967296"] {
            let error = Date::given(OsStr::new(text)).unwrap_err().to_string();
            let wanted =
                format!("SOURCE_DATE_EPOCH must be seconds since 1970, such as 1764000000, not {text:?}");
            assert_eq!(error, wanted);
        }
    }

    #[test]
    fn without_one_the_date_is_that_of_the_file() {
        let place = temporary::folder().unwrap();
        let path = place.path().join("pattern.toml");
        let error = Date::changed(&path).unwrap_err().to_string();
        assert!(error.starts_with("looking at ") && error.ends_with("/pattern.toml"), "{error}");
        let file = fs::File::create(&path).unwrap();
        file.set_modified(UNIX_EPOCH + Duration::from_millis(1_764_000_000_900)).unwrap();
        assert_eq!(Date::changed(&path).unwrap(), 1_764_000_000);
        file.set_modified(UNIX_EPOCH - Duration::from_secs(1)).unwrap();
        let error = Date::changed(&path).unwrap_err().to_string();
        assert!(
            error.ends_with("was last changed before 1970 or after 2105: touch it, or set SOURCE_DATE_EPOCH")
        );
    }

    #[test]
    fn each_version_has_a_seed_of_its_own() {
        let seed = Date(1).seed("x_1");
        assert_eq!(seed, Date(1).seed("x_1"));
        assert!(seed != Date(1).seed("x_2") && seed != Date(2).seed("x_1"));
        let parts = seed.split('-').map(str::len).collect::<Vec<_>>();
        assert_eq!(parts, [8, 4, 4, 4, 12]);
        assert!(seed.split('-').nth(2).unwrap().starts_with('8'), "{seed}");
        assert!(seed.split('-').nth(3).unwrap().starts_with(['8', '9', 'a', 'b']), "{seed}");
    }
}

//! Sizes as people write them, such as `200M` or `2G`.

use std::fmt;

/// A number of bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Size(u64);

/// Why a text is not a size.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum SizeError {
    /// Not a whole number with at most one unit letter.
    Form(String),
    /// More than [`Size::MAX`].
    TooLarge(String),
}

impl fmt::Display for SizeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Form(text) => write!(
                f,
                "must be a whole number and a unit (K, M, G or T, powers of 1024), such as \"200M\", not {text:?}"
            ),
            Self::TooLarge(text) => write!(f, "must be at most {}, not {text:?}", Size::MAX),
        }
    }
}

impl std::error::Error for SizeError {}

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;
const TIB: u64 = 1 << 40;

/// Block size of dm-verity's data and hashes in our images, in bytes.
const VERITY_BLOCK: u64 = 4096;
/// SHA-256 hashes in one hash block.
const VERITY_FANOUT: u64 = VERITY_BLOCK / 32;

impl Size {
    /// One mebibyte. Partitions start and end at multiples of it.
    pub const MIB: Self = Self(MIB);
    /// The largest valid size: 1024 TiB, so that sums of a few sizes can't overflow.
    pub const MAX: Self = Self(1024 * TIB);

    /// Returns a size of this many bytes.
    #[must_use]
    pub const fn from_bytes(bytes: u64) -> Self {
        Self(bytes)
    }

    /// Parses digits and at most one unit letter: `K`, `M`, `G`, `T` (powers of 1024), or none for
    /// bytes.
    ///
    /// # Errors
    /// When the text has another form, or means more than [`Size::MAX`].
    pub fn parse(text: &str) -> Result<Self, SizeError> {
        let units = [('K', KIB), ('M', MIB), ('G', GIB), ('T', TIB)];
        let split = units.iter().find_map(|(letter, unit)| Some((text.strip_suffix(*letter)?, *unit)));
        let (digits, unit) = split.unwrap_or((text, 1));
        if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(SizeError::Form(text.to_owned()));
        }
        let bytes = digits.parse::<u64>().ok().and_then(|number| number.checked_mul(unit));
        match bytes.map(Self) {
            Some(size) if size <= Self::MAX => Ok(size),
            _ => Err(SizeError::TooLarge(text.to_owned())),
        }
    }

    /// Returns the number of bytes.
    #[must_use]
    pub const fn bytes(self) -> u64 {
        self.0
    }

    /// Returns the space of dm-verity's superblock and SHA-256 hash tree for data of this size,
    /// with 4096-byte blocks on both sides (cryptsetup, "DMVerity": one hash block per 128 blocks
    /// below it, up to the root).
    #[must_use]
    pub fn verity_tree(self) -> Self {
        let mut level = self.0.div_ceil(VERITY_BLOCK);
        let mut blocks = 1;
        while level > 1 {
            level = level.div_ceil(VERITY_FANOUT);
            blocks += level;
        }
        Self(blocks * VERITY_BLOCK)
    }

    /// Returns it in MB (10⁶ bytes), rounded up to a tenth.
    #[must_use]
    pub fn megabytes(self) -> String {
        let tenths = self.0.div_ceil(100_000);
        format!("{}.{}", tenths / 10, tenths % 10)
    }

    /// Returns the size, rounded up to a multiple of one mebibyte.
    #[must_use]
    pub fn whole_mib(self) -> Self {
        Self(self.0.div_ceil(MIB).saturating_mul(MIB))
    }
}

impl fmt::Display for Size {
    /// Writes the size with the largest unit that keeps the number whole. [`Size::parse`] can read
    /// it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let units = [(TIB, "T"), (GIB, "G"), (MIB, "M"), (KIB, "K")];
        let fits = units.iter().find(|(unit, _)| self.0 != 0 && self.0.is_multiple_of(*unit));
        match fits {
            Some((unit, letter)) => write!(f, "{}{letter}", self.0 / unit),
            None => write!(f, "{}", self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_powers_of_1024_and_print_back() {
        let cases =
            [("0", 0), ("512", 512), ("4K", 4096), ("200M", 200 << 20), ("2G", 2 << 30), ("3T", 3 << 40)];
        for (text, bytes) in cases {
            let size = Size::parse(text).unwrap();
            assert_eq!((size.bytes(), size.to_string().as_str()), (bytes, text));
        }
        assert_eq!(Size::parse("2048M").unwrap().to_string(), "2G");
    }

    #[test]
    fn another_form_is_refused_with_an_example() {
        for text in ["", "M", "1.5G", "2g", "2GB", "-1M", "+1M", " 2M", "2 M", "0x10", "٣M", "2é"] {
            let error = Size::parse(text).unwrap_err().to_string();
            assert!(error.ends_with(&format!("such as \"200M\", not {text:?}")), "{text:?}: {error}");
        }
    }

    #[test]
    fn a_size_no_disk_has_is_refused() {
        assert_eq!(Size::parse("1024T"), Ok(Size::MAX));
        for text in ["1025T", "18446744073709551616", "99999999999999T"] {
            let error = Size::parse(text).unwrap_err().to_string();
            assert_eq!(error, format!("must be at most 1024T, not {text:?}"));
        }
    }

    /// Sizes that `veritysetup format` needed for files of these sizes, superblock included.
    #[test]
    fn the_verity_tree_is_counted_level_by_level() {
        let cases =
            [(4096, 4096), (8192, 8192), (128 * 4096, 8192), (129 * 4096, 4 * 4096), (1 << 30, 8_462_336)];
        for (data, tree) in cases {
            assert_eq!(Size::from_bytes(data).verity_tree().bytes(), tree, "{data} bytes of data");
        }
    }
}

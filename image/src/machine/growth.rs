//! The size of a machine's disk: `50G`, or `+50G` on top of the image.

use pattern::config::size::{Size, SizeError};

/// The wanted size of a disk.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Growth {
    /// This much more than the image.
    By(Size),
    /// This much in total.
    To(Size),
}

impl Growth {
    /// Parses a size, with `+` before it for an increase.
    ///
    /// # Errors
    /// When the rest is not a size.
    pub fn parse(text: &str) -> Result<Self, SizeError> {
        match text.strip_prefix('+') {
            Some(more) => Size::parse(more).map(Self::By),
            None => Size::parse(text).map(Self::To),
        }
    }

    /// Returns the size of a disk made from an image of `bytes`: in bytes, rounded to whole MiB.
    #[must_use]
    pub fn apply(self, bytes: u64) -> u64 {
        let size = match self {
            Self::By(more) => bytes.saturating_add(more.bytes()),
            Self::To(size) => size.bytes(),
        };
        Size::from_bytes(size).whole_mib().bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plus_means_more() {
        assert_eq!(Growth::parse("+1M").unwrap().apply(1 << 20), 2 << 20);
        assert_eq!(Growth::parse("3M").unwrap().apply(1 << 20), 3 << 20);
        assert_eq!(Growth::parse("+0").unwrap().apply(5), 1 << 20);
    }

    #[test]
    fn what_is_no_size_is_refused() {
        assert!(Growth::parse("++1M").unwrap_err().to_string().contains("not \"+1M\""));
    }
}

//! Prints numbers of bytes for people.

use std::fmt;

/// A number of bytes, printed as `174 MiB` or `3.9 GiB`: at most one decimal, rounded up.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Amount(pub u64);

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const UNITS: [(&str, u32); 4] = [("TiB", 40), ("GiB", 30), ("MiB", 20), ("KiB", 10)];
        let Some((unit, shift)) = UNITS.into_iter().find(|(_, shift)| self.0 >> shift > 0) else {
            return write!(f, "{} bytes", self.0);
        };
        let tenths = (u128::from(self.0) * 10).div_ceil(1 << shift);
        match tenths % 10 {
            0 => write!(f, "{} {unit}", tenths / 10),
            tenth => write!(f, "{}.{tenth} {unit}", tenths / 10),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Amount;

    #[test]
    fn amounts_are_short_and_never_too_small() {
        for (bytes, text) in [
            (0, "0 bytes"),
            (1023, "1023 bytes"),
            (1024, "1 KiB"),
            (174 << 20, "174 MiB"),
            ((174 << 20) + 1, "174.1 MiB"),
            (2 << 30, "2 GiB"),
            (u64::MAX, "16777216 TiB"),
        ] {
            assert_eq!(Amount(bytes).to_string(), text);
        }
    }
}

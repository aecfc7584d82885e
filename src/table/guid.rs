//! GUIDs in the form of a partition table.

use std::fmt;

/// The 16 bytes of a GUID in their order on disk: the first three fields are little-endian (UEFI
/// Specification 2.10, appendix A).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Guid(pub(super) [u8; 16]);

impl Guid {
    /// Returns the GUID of a UUID, whose bytes are in the order of its text.
    #[must_use]
    pub const fn from_uuid(uuid: [u8; 16]) -> Self {
        let [a, b, c, d, e, f, g, h, rest @ ..] = uuid;
        let [i, j, k, l, m, n, o, p] = rest;
        Self([d, c, b, a, f, e, h, g, i, j, k, l, m, n, o, p])
    }

    /// Returns the GUID of a number whose hexadecimal digits are the UUID's text.
    pub(super) const fn new(digits: u128) -> Self {
        Self::from_uuid(digits.to_be_bytes())
    }

    /// Makes a version 4 UUID (RFC 9562, section 5.4) from 16 random bytes.
    #[must_use]
    pub fn from_random(random: [u8; 16]) -> Self {
        let version = (u128::from_be_bytes(random) & !(0xf << 76)) | 0x4 << 76;
        Self::new((version & !(0b11 << 62)) | 0b10 << 62)
    }

    /// Returns the UUID's bytes in the order of its text.
    #[must_use]
    pub const fn to_uuid(self) -> [u8; 16] {
        // The reordering is its own inverse.
        Self::from_uuid(self.0).0
    }
}

impl fmt::Display for Guid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, byte) in self.to_uuid().iter().enumerate() {
            if matches!(index, 4 | 6 | 8 | 10) {
                f.write_str("-")?;
            }
            write!(f, "{byte:02x}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::Guid;

    #[test]
    fn the_first_three_fields_are_swapped_on_disk() {
        let guid = Guid::new(0x00112233_4455_6677_8899_aabbccddeeff);
        assert_eq!(guid.0.first_chunk(), Some(&[0x33, 0x22, 0x11, 0x00, 0x55, 0x44, 0x77, 0x66, 0x88, 0x99]));
        assert_eq!(guid.to_string(), "00112233-4455-6677-8899-aabbccddeeff");
    }

    #[test]
    fn random_bytes_become_a_version_4_uuid() {
        assert_eq!(Guid::from_random([0xff; 16]).to_string(), "ffffffff-ffff-4fff-bfff-ffffffffffff");
        assert_eq!(Guid::from_random([0; 16]).to_string(), "00000000-0000-4000-8000-000000000000");
    }
}

//! Derives the two partitions of `/usr` from its root hash.

use std::fmt;

use crate::table::Guid;

/// The root hash of the dm-verity tree over `/usr`: 32 bytes, from `usrhash=`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct UsrHash([u8; 32]);

/// Why a `usrhash=` is not valid.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum UsrHashError {
    /// The text does not have 64 digits.
    Length(usize),
    /// A character is not a hexadecimal digit.
    Digit(char),
}

impl fmt::Display for UsrHashError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Length(n) => write!(f, "a root hash has 64 hexadecimal digits, this has {n}"),
            Self::Digit(c) => write!(f, "a root hash has hexadecimal digits only, this has {c:?}"),
        }
    }
}

impl std::error::Error for UsrHashError {}

impl UsrHash {
    /// Parses 64 hexadecimal digits.
    ///
    /// # Errors
    /// When the text has another length, or another character.
    pub fn parse(text: &str) -> Result<Self, UsrHashError> {
        let digits = text.chars().map(|c| c.to_digit(16).ok_or(UsrHashError::Digit(c)));
        let digits = digits.collect::<Result<Vec<u32>, _>>()?;
        if digits.len() != 64 {
            return Err(UsrHashError::Length(digits.len()));
        }
        let mut hash = [0; 32];
        for (byte, pair) in hash.iter_mut().zip(digits.chunks_exact(2)) {
            *byte = pair.iter().fold(0, |value, digit| value << 4 | *digit as u8);
        }
        Ok(Self(hash))
    }

    /// Returns the root hash whose two halves are these UUIDs: the inverse of [`Self::data`] and
    /// [`Self::tree`].
    #[must_use]
    pub fn of_partitions(data: Guid, tree: Guid) -> Self {
        let mut hash = [0; 32];
        let (first, second) = hash.split_at_mut(16);
        first.copy_from_slice(&data.to_uuid());
        second.copy_from_slice(&tree.to_uuid());
        Self(hash)
    }

    /// Returns the 32 bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Returns the UUID of the partition that holds `/usr`: the first half of the hash
    /// (Discoverable Partitions Specification, "Verity").
    #[must_use]
    pub fn data(&self) -> Guid {
        uuid(self.0.iter().take(16))
    }

    /// Returns the UUID of the partition that holds the hash tree: the second half of the hash.
    #[must_use]
    pub fn tree(&self) -> Guid {
        uuid(self.0.iter().skip(16))
    }
}

impl fmt::Display for UsrHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

fn uuid<'a>(half: impl Iterator<Item = &'a u8>) -> Guid {
    let mut bytes = [0; 16];
    bytes.iter_mut().zip(half).for_each(|(to, from)| *to = *from);
    Guid::from_uuid(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HASH: &str = "00112233445566778899aabbccddeeff102132435465768798a9bacbdcedfe0f";

    #[test]
    fn each_half_of_the_hash_is_a_partition_uuid() {
        let hash = UsrHash::parse(HASH).unwrap();
        assert_eq!(hash.data().to_string(), "00112233-4455-6677-8899-aabbccddeeff");
        assert_eq!(hash.tree().to_string(), "10213243-5465-7687-98a9-bacbdcedfe0f");
        assert_eq!(hash.to_string(), HASH);
        assert_eq!(UsrHash::of_partitions(hash.data(), hash.tree()), hash);
    }

    #[test]
    fn a_bad_hash_says_what_is_wrong() {
        let short = UsrHash::parse("00ff").unwrap_err();
        assert_eq!(short.to_string(), "a root hash has 64 hexadecimal digits, this has 4");
        let strange = UsrHash::parse(&HASH.replace("ff", "fg")).unwrap_err();
        assert_eq!(strange.to_string(), "a root hash has hexadecimal digits only, this has 'g'");
    }
}

//! Reads the superblock of a dm-verity hash tree (cryptsetup wiki, "DMVerity", "On-disk format").
//! Only the root hash, to which it must lead, protects it. So only the values of our images are
//! accepted.

use std::fmt;

/// Bytes of a superblock.
pub const BYTES: usize = 512;

/// The facts of a hash tree.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Superblock {
    block_bytes: u32,
    blocks: u64,
}

/// Why a hash tree is not used.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum SuperblockError {
    /// There is no superblock.
    Absent,
    /// A field is not as in our images: its name and its value.
    Unexpected(&'static str, String),
}

impl fmt::Display for SuperblockError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Absent => f.write_str("no dm-verity superblock there")?,
            Self::Unexpected(what, value) => write!(f, "{what} of its superblock is {value}")?,
        }
        f.write_str("; the image is damaged or was tampered with, write it anew")
    }
}

impl std::error::Error for SuperblockError {}

impl fmt::Display for Superblock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mebibytes = (u64::from(self.block_bytes).saturating_mul(self.blocks)) >> 20;
        write!(f, "{mebibytes} MiB under a sha256 hash tree")
    }
}

impl Superblock {
    /// Parses the first bytes of a hash partition.
    ///
    /// # Errors
    /// When there is no superblock, or one that our images do not have.
    pub fn parse(bytes: &[u8; BYTES]) -> Result<Self, SuperblockError> {
        if field(bytes, 0) != *b"verity\0\0" {
            return Err(SuperblockError::Absent);
        }
        let numbers = [("version", 8, 1), ("hash type", 12, 1)];
        for (what, offset, wanted) in numbers {
            let value = u32::from_le_bytes(field(bytes, offset));
            if value != wanted {
                return Err(SuperblockError::Unexpected(what, value.to_string()));
            }
        }
        let algorithm: [u8; 32] = field(bytes, 32);
        let name = algorithm.split(|byte| *byte == 0).next().unwrap_or_default();
        if name != b"sha256" {
            let name = String::from_utf8_lossy(name).into_owned();
            return Err(SuperblockError::Unexpected("hash algorithm", name));
        }
        let block_bytes = u32::from_le_bytes(field(bytes, 64));
        Ok(Self { block_bytes, blocks: u64::from_le_bytes(field(bytes, 72)) })
    }

    /// Returns how many blocks the data has.
    #[must_use]
    pub const fn blocks(&self) -> u64 {
        self.blocks
    }
}

/// Returns the bytes at an offset, or zeros past the end.
fn field<const N: usize>(bytes: &[u8], offset: usize) -> [u8; N] {
    bytes.get(offset..).and_then(|rest| rest.first_chunk()).copied().unwrap_or([0; N])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn superblock() -> [u8; BYTES] {
        let mut bytes = [0; BYTES];
        bytes[..8].copy_from_slice(b"verity\0\0");
        bytes[8] = 1;
        bytes[12] = 1;
        bytes[32..38].copy_from_slice(b"sha256");
        bytes[65] = 0x10;
        bytes[69] = 0x10;
        bytes[73] = 0x40;
        bytes
    }

    fn refusal(change: impl Fn(&mut [u8; BYTES])) -> String {
        let mut bytes = superblock();
        change(&mut bytes);
        let text = Superblock::parse(&bytes).unwrap_err().to_string();
        text.strip_suffix("; the image is damaged or was tampered with, write it anew").unwrap().to_owned()
    }

    #[test]
    fn a_superblock_tells_the_size() {
        let superblock = Superblock::parse(&superblock()).unwrap();
        assert_eq!(superblock.to_string(), "64 MiB under a sha256 hash tree");
    }

    #[test]
    fn anything_else_is_refused() {
        assert_eq!(refusal(|bytes| bytes[0] = 0), "no dm-verity superblock there");
        assert_eq!(refusal(|bytes| bytes[8] = 2), "version of its superblock is 2");
        assert_eq!(refusal(|bytes| bytes[12] = 0), "hash type of its superblock is 0");
        assert_eq!(refusal(|bytes| bytes[35..38].fill(0)), "hash algorithm of its superblock is sha");
    }
}

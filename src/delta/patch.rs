//! A patch from one version to another.
//!
//! `ID_VERSION_OLD.patch` has pieces, and `ID_VERSION_OLD.patch.index` says what they are. `/usr` is counted in blocks of 4096
//! bytes, the kernel image in bytes. Numbers are little-endian and have 4 bytes:
//!
//! | bytes | what |
//! | --- | --- |
//! | 8 | `patnptc\n` |
//! | 4 | 1, the version of the format |
//! | | the table of `/usr`, then the table of the kernel image |
//!
//! A table that is left out is a 0. One that is there is a 1 and:
//!
//! | bytes | what |
//! | --- | --- |
//! | 4, 32 | how many units the old one has, and its root hash; of a kernel image its SHA-256 |
//! | 4, 32 | the same of the new one |
//! | 4, and 12 each | what is copied: a place in the new one, a place in the old one, how many units |
//! | 4 | how many segments follow. Of each: |
//! | 4, and 8 each | the ranges of older material: start and end |
//! | 4, and 8 each | the ranges of the new one that it unpacks to |
//! | 20 | its piece: bytes, and the first half of their SHA-256 |
//! | 20 | only for `/usr`, and behind the segments: the piece with the hashes of the blocks that are not copied |
//!
//! The pieces lie in the file in the order of the tables.

mod table;

use super::bytes::Bytes;
pub use table::{Copied, From, Part, Segment, Side, Table, Unit};

const MAGIC: &[u8; 8] = b"patnptc\n";
const VERSION: u32 = 1;

/// The end of the name of a patch.
pub const PATCH: &str = ".patch";
/// The end of the name of its index.
pub const INDEX: &str = ".patch.index";

/// Returns the name of a patch or of its index, from the `ID_VERSION` of both versions: `demo_0.0.2_0.0.1.patch`.
#[must_use]
pub fn name(new: &str, old: &str, end: &str) -> String {
    let version = old.split_once('_').map_or(old, |(_, version)| version);
    format!("{new}_{version}{end}")
}

/// The index of a patch.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Patch {
    /// How `/usr` is made, if that is worth it.
    pub usr: Option<Table>,
    /// How the kernel image is made, if that is worth it.
    pub kernel: Option<Table>,
}

impl Patch {
    /// Reads an index.
    ///
    /// # Errors
    /// When it is not one, or its parts contradict each other.
    pub fn parse(bytes: &[u8]) -> Result<Self, String> {
        let mut bytes = Bytes(bytes);
        bytes.head(MAGIC, VERSION)?;
        let mut start = 0;
        let mut table = |unit| match bytes.u32()? {
            0 => Ok(None),
            1 => {
                let table = Table::read(&mut bytes, unit, start)?;
                start = table.end().unwrap_or(start);
                Ok(Some(table))
            }
            other => Err(format!("it has {other} where 0 or 1 says whether a table follows")),
        };
        let (usr, kernel) = (table(Unit::Block)?, table(Unit::Byte)?);
        bytes.end()?;
        Ok(Self { usr, kernel })
    }

    /// Returns the bytes of the index.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        let table = |table: &Option<Table>| match table {
            None => vec![0; 4],
            Some(table) => [&1_u32.to_le_bytes()[..], &table.bytes()].concat(),
        };
        [&MAGIC[..], &VERSION.to_le_bytes(), &table(&self.usr), &table(&self.kernel)].concat()
    }
}

#[cfg(test)]
mod tests;

//! A piece of a file that machines fetch parts of: where it lies, and what proves it before it is unpacked.

use std::ops::Range;

use sha2::{Digest as _, Sha256};

use super::bytes::Bytes;
use super::frame;

/// Bytes of a piece's entry in a table.
pub(super) const ENTRY: usize = 20;

/// The first half of a SHA-256. Whoever writes a release is trusted, so only a second content with the same sum matters.
pub type Proof = [u8; 16];

/// One piece.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Piece {
    /// Where it is in the file.
    pub place: Range<u64>,
    /// The bytes that it unpacks to. If these are as many as the piece has, it is not packed.
    pub length: usize,
    proof: Proof,
}

impl Piece {
    /// Describes packed bytes that begin at `start` of a file.
    #[must_use]
    pub fn of(packed: &[u8], start: u64, length: usize) -> Self {
        Self { place: start..start + packed.len() as u64, length, proof: proof(packed) }
    }

    /// Reads an entry of a table, for a piece that begins at `start`.
    ///
    /// # Errors
    /// When it is cut short, is empty, or is longer than what it unpacks to.
    pub(super) fn read(bytes: &mut Bytes, start: u64, length: usize) -> Result<Self, String> {
        let packed = bytes.u32()?;
        if packed == 0 || u64::from(packed) > length as u64 {
            return Err(format!("a piece of {packed} bytes is for {length} bytes"));
        }
        Ok(Self { place: start..start + u64::from(packed), length, proof: bytes.array()? })
    }

    /// Returns the entry for a table.
    pub(super) fn entry(&self) -> Vec<u8> {
        let packed = u32::try_from(self.bytes()).unwrap_or_default();
        [&packed.to_le_bytes()[..], &self.proof].concat()
    }

    /// Returns how many bytes it has in the file.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.place.end - self.place.start
    }

    /// Unpacks a piece, after its bytes were proven. `old` is the older material, if it was packed with some.
    ///
    /// # Errors
    /// When the bytes are not those that the signed table names, or do not unpack.
    pub fn open(&self, packed: &[u8], old: &[u8]) -> Result<Vec<u8>, String> {
        let at = self.place.start;
        if packed.len() as u64 != self.bytes() || proof(packed) != self.proof {
            return Err(format!("the piece at byte {at} is not what the signed table says"));
        }
        if packed.len() == self.length {
            return Ok(packed.to_vec());
        }
        frame::unpack(packed, old, self.length)
            .map_err(|why| format!("the piece at byte {at} does not unpack: {why}"))
    }
}

fn proof(packed: &[u8]) -> Proof {
    let sum: [u8; 32] = Sha256::digest(packed).into();
    sum.first_chunk().copied().unwrap_or_default()
}

//! The NV indices of the TPM that say which volume is this machine's. Everybody may read them, their policy alone lets one
//! write: that of the volume's key, so the initrd.

use sha2::{Digest as _, Sha256};

use crate::token::Digest;

/// `TPMA_NV` (TPM 2.0 Library, Part 2, 13.4).
const POLICY_WRITE: u32 = 1 << 3;
/// `TPM_NT_COUNTER`: it holds a number that can only grow, from one index of this name to the next too.
const COUNTS: u32 = 1 << 4;
const OWNER_READ: u32 = 1 << 17;
const AUTH_READ: u32 = 1 << 18;
const NO_DA: u32 = 1 << 25;
const WRITTEN: u32 = 1 << 29;
const ALG_SHA256: u16 = 0x000b;

/// One of them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Index {
    /// Its handle, among those of the owner (TCG Registry of Reserved TPM 2.0 Handles and Localities).
    pub handle: u32,
    /// What it is made with.
    pub attributes: u32,
    /// Bytes in it.
    pub bytes: u8,
}

/// Holds the tag of [`crate::identity`].
pub const IDENTITY: Index =
    Index { handle: 0x0180_7074, attributes: POLICY_WRITE | OWNER_READ | AUTH_READ | NO_DA, bytes: 32 };

/// Counts how often the volume was opened, for [`crate::generation`].
pub const COUNTER: Index = Index { handle: 0x0180_7075, attributes: IDENTITY.attributes | COUNTS, bytes: 8 };

impl Index {
    /// The name of the index once it was written: it stands for handle, attributes, write policy and size, so an index that
    /// somebody else put there has another one (Part 1, "Names").
    #[must_use]
    pub fn name(&self, policy: &Digest) -> Vec<u8> {
        let area = [
            &self.handle.to_be_bytes()[..],
            &ALG_SHA256.to_be_bytes(),
            &(self.attributes | WRITTEN).to_be_bytes(),
            &[0, 32],
            policy,
            &[0, self.bytes],
        ];
        [&ALG_SHA256.to_be_bytes()[..], &Sha256::digest(area.concat())].concat()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_stands_for_its_index_and_policy() {
        assert_eq!(IDENTITY.name(&[0; 32]).len(), 34);
        assert_ne!(IDENTITY.name(&[0; 32]), IDENTITY.name(&[1; 32]));
        assert_ne!(IDENTITY.name(&[0; 32]), COUNTER.name(&[0; 32]));
    }
}

//! The TPM's NV indices of a volume: its record, the count of its openings, and the count of its
//! sealed keys.
//!
//! Anyone may read the record and the count of openings. Only the initrd can write them, because
//! nothing but their policy lets anyone write. The third index says which of the volume's sealed
//! keys is valid. Anyone may increment it, which makes that key invalid.

use std::ops::Range;

use sha2::{Digest as _, Sha256};

/// `TPMA_NV` (TPM 2.0 Library, Part 2, 13.4).
const AUTH_WRITE: u32 = 1 << 2;
const POLICY_WRITE: u32 = 1 << 3;
/// `TPM_NT_COUNTER`: the index holds a number that only grows, even if an index of this handle is
/// removed and made again.
const COUNTS: u32 = 1 << 4;
const OWNER_READ: u32 = 1 << 17;
const AUTH_READ: u32 = 1 << 18;
const NO_DA: u32 = 1 << 25;
const WRITTEN: u32 = 1 << 29;
const ALG_SHA256: u16 = 0x000b;
/// `IESYSC_NV_RSRC`: the type that ESAPI writes before the public area of an index that it
/// serialises.
const ESYS_NV: u32 = 2;

const OF_AN_IDENTITY: u32 = POLICY_WRITE | OWNER_READ | AUTH_READ | NO_DA;
const OF_ANYBODY: u32 = AUTH_WRITE | AUTH_READ | NO_DA | COUNTS;

/// Handles of identities, within the range of the owner (TCG Registry of Reserved TPM 2.0 Handles
/// and Localities).
pub const IDENTITIES: Range<u32> = 0x0190_0000..0x01a0_0000;
/// Handles of counters: the identities' range, moved up once.
const COUNTERS: u32 = IDENTITIES.end;
/// Handles of the counters of sealed keys: the identities' range, moved up twice.
pub const REVOCATIONS: Range<u32> = 0x01b0_0000..0x01c0_0000;

/// The index of versions before 0.2 for the identity of the only volume that they supported.
pub const EARLIER_IDENTITY: Index = Index { handle: 0x0180_7074, attributes: OF_AN_IDENTITY, bytes: 32 };
/// The counter of those versions.
pub const EARLIER_COUNTER: Index =
    Index { handle: 0x0180_7075, attributes: OF_AN_IDENTITY | COUNTS, bytes: 8 };
/// A counter whose first value tells whether this TPM counted before: a TPM starts each new counter
/// above every count that it ever had (TPM 2.0 Library, Part 3, "`TPM2_NV_Increment`"). Anyone may
/// increment it, after which records of earlier versions are no longer accepted.
pub const MARK: Index = Index { handle: 0x0180_7076, attributes: OF_ANYBODY, bytes: 8 };

/// An NV index.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Index {
    /// The handle of the index.
    pub handle: u32,
    /// The attributes that it is made with.
    pub attributes: u32,
    /// Bytes of its content.
    pub bytes: u8,
}

impl Index {
    /// Returns the index of a volume's record, see [`crate::record::identity`]. The handle is
    /// derived from the volume's UUID.
    #[must_use]
    pub fn identity(uuid: &str) -> Self {
        Self::identity_at(IDENTITIES.start | place(uuid))
    }

    /// Returns the index of a record at one of [`IDENTITIES`].
    #[must_use]
    pub fn identity_at(handle: u32) -> Self {
        Self { handle, attributes: OF_AN_IDENTITY, bytes: 33 }
    }

    /// Returns the index that counts the volume's openings, for [`crate::record::generation`].
    #[must_use]
    pub fn counter(uuid: &str) -> Self {
        Self { handle: COUNTERS | place(uuid), attributes: OF_AN_IDENTITY | COUNTS, bytes: 8 }
    }

    /// Returns the index that counts the volume's sealed keys, see [`crate::token::Counted`].
    ///
    /// It needs no policy. The count never goes back, whoever increments it, and the owner of the
    /// TPM could remove the index anyway. So its name does not change with the keys of Secure Boot
    /// or of the image.
    #[must_use]
    pub fn revocation(uuid: &str) -> Self {
        Self::revocation_at(REVOCATIONS.start | place(uuid))
    }

    /// Returns the index of the same volume's record, for such a counter.
    #[must_use]
    pub fn record_of(&self) -> Self {
        Self::identity_at(self.handle - REVOCATIONS.start + IDENTITIES.start)
    }

    /// Returns the index at one of [`REVOCATIONS`].
    #[must_use]
    pub fn revocation_at(handle: u32) -> Self {
        Self { handle, attributes: OF_ANYBODY, bytes: 8 }
    }

    /// Returns the name of the index after its first write. An index without a policy has an empty
    /// one. The name covers handle, attributes, write policy and size, so an index that somebody
    /// else made there has another name (Part 1, "Names").
    #[must_use]
    pub fn name(&self, policy: &[u8]) -> Vec<u8> {
        [&ALG_SHA256.to_be_bytes()[..], &Sha256::digest(self.area(policy))].concat()
    }

    /// Returns the index in the form of `Esys_TR_Deserialize` (`iesys_MU_IESYS_RESOURCE_Marshal` of
    /// tpm2-tss). With it the TPM need not be asked for the index's public area. The TPM refuses if
    /// the index has another one.
    #[must_use]
    pub fn resource(&self, policy: &[u8]) -> Vec<u8> {
        let (name, area) = (self.name(policy), self.area(policy));
        let sized = |part: &[u8]| [&(part.len() as u16).to_be_bytes()[..], part].concat();
        [&self.handle.to_be_bytes()[..], &sized(&name), &ESYS_NV.to_be_bytes(), &sized(&area)].concat()
    }

    /// Returns its `TPMS_NV_PUBLIC`.
    fn area(&self, policy: &[u8]) -> Vec<u8> {
        [
            &self.handle.to_be_bytes()[..],
            &ALG_SHA256.to_be_bytes(),
            &(self.attributes | WRITTEN).to_be_bytes(),
            &(policy.len() as u16).to_be_bytes(),
            policy,
            &[0, self.bytes],
        ]
        .concat()
    }
}

/// Returns 20 bits of the UUID's hash. Two volumes of one machine share them once in a million
/// times. The second volume is then not made.
fn place(uuid: &str) -> u32 {
    let digest = Sha256::digest(format!("pattern volume {uuid}"));
    u32::from_be_bytes([0, digest[0] & 0xf, digest[1], digest[2]])
}

#[cfg(test)]
mod tests {
    use super::*;

    const UUID: &str = "6f7cf6b5-2d3b-4cb9-a6f1-6a2c3d9f3a11";

    #[test]
    fn each_volume_has_indices_of_its_own() {
        let (identity, counter) = (Index::identity(UUID), Index::counter(UUID));
        assert!(IDENTITIES.contains(&identity.handle));
        assert_eq!(counter.handle, identity.handle + 0x10_0000);
        assert_eq!(Index::revocation(UUID).handle, identity.handle + 0x20_0000);
        assert!(REVOCATIONS.contains(&Index::revocation(UUID).handle));
        assert_eq!(Index::revocation(UUID).record_of(), identity);
        assert_ne!(Index::identity("other").handle, identity.handle);
        assert_eq!(Index::identity_at(identity.handle), identity);
    }

    #[test]
    fn a_name_stands_for_index_and_policy() {
        let index = Index::identity(UUID);
        assert_eq!(index.name(&[0; 32]).len(), 34);
        assert_ne!(index.name(&[0; 32]), index.name(&[1; 32]));
        assert_ne!(index.name(&[0; 32]), Index::counter(UUID).name(&[0; 32]));
    }

    #[test]
    fn a_resource_holds_name_and_public_area() {
        let resource = MARK.resource(&[7; 32]);
        // Handle, name with its length, type, and public area with its length.
        assert_eq!(resource.len(), 4 + 2 + 34 + 4 + 2 + 46);
        assert!(resource.starts_with(&MARK.handle.to_be_bytes()));
        assert!(resource.ends_with(&[7, 7, 0, 8]));
        assert_eq!(MARK.resource(&[]).len(), resource.len() - 32);
    }
}

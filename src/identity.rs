//! Whether a volume is the one that this machine made: that the TPM opens it says nothing of who made it.
//!
//! A tag that only the volume's key gives lies in an NV index of the TPM, which only the initrd can write (its write policy
//! is that of the volume's key). It is compared before anything of the volume is used.

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest as _, Sha256};

use crate::token::Digest;

/// The NV index, among those of the owner (TCG Registry of Reserved TPM 2.0 Handles and Localities).
pub const INDEX: u32 = 0x0180_7074;
/// Bytes in the index.
pub const BYTES: usize = 32;

/// `TPMA_NV` (TPM 2.0 Library, Part 2, 13.4).
const POLICY_WRITE: u32 = 1 << 3;
const OWNER_READ: u32 = 1 << 17;
const AUTH_READ: u32 = 1 << 18;
const NO_DA: u32 = 1 << 25;
const WRITTEN: u32 = 1 << 29;
const ALG_SHA256: u16 = 0x000b;

/// The attributes that the index is made with.
pub const ATTRIBUTES: u32 = POLICY_WRITE | OWNER_READ | AUTH_READ | NO_DA;

/// The name of the index once it was written: it stands for handle, attributes, write policy and size, so an index that
/// somebody else put there has another one (Part 1, "Names").
#[must_use]
pub fn name(policy: &Digest) -> Vec<u8> {
    let area = [
        &INDEX.to_be_bytes()[..],
        &ALG_SHA256.to_be_bytes(),
        &(ATTRIBUTES | WRITTEN).to_be_bytes(),
        &[0, 32],
        policy,
        &[0, BYTES as u8],
    ];
    [&ALG_SHA256.to_be_bytes()[..], &Sha256::digest(area.concat())].concat()
}

/// What the index holds for a volume.
#[must_use]
pub fn tag(volume_key: &[u8], uuid: &str) -> [u8; BYTES] {
    mac(volume_key, uuid).finalize().into_bytes().into()
}

/// What is known of a volume.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Identity {
    /// It is the one that this machine made.
    Same,
    /// The TPM knows another one.
    Other,
    /// The TPM knows none: it was cleared, or is another one, or the image is signed with another key.
    Unknown,
}

/// Compares what the TPM holds, if anything, with the volume.
#[must_use]
pub fn compare(held: Option<&[u8]>, volume_key: &[u8], uuid: &str) -> Identity {
    match held {
        None => Identity::Unknown,
        // In constant time.
        Some(held) if mac(volume_key, uuid).verify_slice(held).is_ok() => Identity::Same,
        Some(_) => Identity::Other,
    }
}

fn mac(volume_key: &[u8], uuid: &str) -> Hmac<Sha256> {
    // HMAC takes a key of any length; an empty one would be no volume's.
    let mac = Hmac::<Sha256>::new_from_slice(volume_key).unwrap_or_else(|_| Hmac::new(&Default::default()));
    mac.chain_update("pattern volume identity 1\0").chain_update(uuid)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_same_key_and_uuid_give_the_tag() {
        let held = tag(&[7; 64], "uuid");
        assert_eq!(compare(Some(&held), &[7; 64], "uuid"), Identity::Same);
        assert_eq!(compare(Some(&held), &[8; 64], "uuid"), Identity::Other);
        assert_eq!(compare(Some(&held), &[7; 64], "other"), Identity::Other);
        assert_eq!(compare(Some(&held[..31]), &[7; 64], "uuid"), Identity::Other);
        assert_eq!(compare(Some(&[]), &[7; 64], "uuid"), Identity::Other);
        assert_eq!(compare(None, &[7; 64], "uuid"), Identity::Unknown);
    }

    #[test]
    fn a_name_stands_for_its_policy() {
        assert_eq!(name(&[0; 32]).len(), 34);
        assert_ne!(name(&[0; 32]), name(&[1; 32]));
    }
}

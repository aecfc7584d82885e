//! Whether a volume is the one that this machine made: that the TPM opens it says nothing of who made it.
//!
//! A tag that only the volume's key gives lies in an NV index of the TPM, which only the initrd can write (its write policy
//! is that of the volume's key). It is compared before anything of the volume is used. The tag says too whether the TPM counts
//! the volume's openings: a copy from before it did, or a removed counter, does not lead back to a volume without one.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// Bytes of a tag.
pub const BYTES: usize = 32;

/// What the TPM does about a volume that it knows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kept {
    /// It knows it again.
    Known,
    /// It counts its openings too, see [`crate::generation`].
    Counted,
}

/// What the index holds for a volume.
#[must_use]
pub fn tag(volume_key: &[u8], uuid: &str, kept: Kept) -> [u8; BYTES] {
    of(volume_key, uuid, kept).finalize().into_bytes().into()
}

/// What is known of a volume.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Identity {
    /// It is the one that this machine made.
    Same(Kept),
    /// The TPM knows another one.
    Other,
    /// The TPM knows none: it was cleared, or is another one, or the image is signed with another key.
    Unknown,
}

/// Compares what the TPM holds, if anything, with the volume.
#[must_use]
pub fn compare(held: Option<&[u8]>, volume_key: &[u8], uuid: &str) -> Identity {
    let Some(held) = held else { return Identity::Unknown };
    // In constant time.
    let is = |kept: &Kept| of(volume_key, uuid, *kept).verify_slice(held).is_ok();
    [Kept::Known, Kept::Counted].into_iter().find(is).map_or(Identity::Other, Identity::Same)
}

fn of(volume_key: &[u8], uuid: &str, kept: Kept) -> Hmac<Sha256> {
    let what = match kept {
        Kept::Known => "identity",
        Kept::Counted => "counted identity",
    };
    mac(volume_key, what).chain_update(uuid)
}

/// One that nothing but `what` is derived by.
pub(crate) fn mac(volume_key: &[u8], what: &str) -> Hmac<Sha256> {
    // HMAC takes a key of any length; an empty one would be no volume's.
    let mac = Hmac::<Sha256>::new_from_slice(volume_key).unwrap_or_else(|_| Hmac::new(&Default::default()));
    mac.chain_update(format!("pattern volume {what} 1\0"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_same_key_and_uuid_give_the_tag() {
        for kept in [Kept::Known, Kept::Counted] {
            let held = tag(&[7; 64], "uuid", kept);
            assert_eq!(compare(Some(&held), &[7; 64], "uuid"), Identity::Same(kept));
            assert_eq!(compare(Some(&held), &[8; 64], "uuid"), Identity::Other);
            assert_eq!(compare(Some(&held), &[7; 64], "other"), Identity::Other);
            assert_eq!(compare(Some(&held[..31]), &[7; 64], "uuid"), Identity::Other);
        }
        assert_eq!(compare(Some(&[]), &[7; 64], "uuid"), Identity::Other);
        assert_eq!(compare(None, &[7; 64], "uuid"), Identity::Unknown);
    }

    /// Machines keep it for years.
    #[test]
    fn a_tag_stays_what_it_is() {
        // Worked out apart from this program, with Python's hmac.
        let hex = |kept| tag(&[7; 64], "uuid", kept).map(|byte| format!("{byte:02x}")).concat();
        assert_eq!(hex(Kept::Known), "6aa895141ce9679cacb4a0cb7a51b2fab006e0a6deed194e323a7ab6783ac035");
        assert_eq!(hex(Kept::Counted), "0b5f3f4011b41ee004f0afae0b1b97be6bf49994b55076c1657843a3af7a4930");
    }
}

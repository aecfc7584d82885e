//! Recognises a volume that this machine made. That the TPM opens a volume does not say who made
//! it.
//!
//! For each volume the TPM keeps a record in an NV index that only the initrd can write. It has a
//! tag that only the volume's key gives, and it is compared before anything of the volume is used.
//! The record also says how far the making of the volume got, and whether the TPM counts its
//! openings. So neither a copy from before counting began nor a removed counter leads back to a
//! volume without a count.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// Bytes of a record: one that says what the TPM does for the volume, then the tag.
pub const BYTES: usize = 1 + TAG;
const TAG: usize = 32;

/// What the TPM does for a volume that it knows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kept {
    /// The volume is being made: the partition table may not list it yet.
    Begun,
    /// The TPM recognises it.
    Known,
    /// The TPM also counts its openings, see [`crate::record::generation`].
    Counted,
}

impl Kept {
    const ALL: [Self; 3] = [Self::Begun, Self::Known, Self::Counted];

    fn code(self) -> u8 {
        match self {
            Self::Begun => 1,
            Self::Known => 2,
            Self::Counted => 3,
        }
    }
}

/// Returns the record of a volume.
#[must_use]
pub fn record(volume_key: &[u8], uuid: &str, kept: Kept) -> [u8; BYTES] {
    let mut record = [kept.code(); BYTES];
    record[1..].copy_from_slice(&tag(volume_key, uuid, kept));
    record
}

/// Returns what a record says, whichever volume it is about.
#[must_use]
pub fn kept(record: &[u8]) -> Option<Kept> {
    let code = record.first().filter(|_| record.len() == BYTES)?;
    Kept::ALL.into_iter().find(|kept| kept.code() == *code)
}

/// Returns what a record says of this volume, or `None` if it is about another one.
#[must_use]
pub fn compare(record: &[u8], volume_key: &[u8], uuid: &str) -> Option<Kept> {
    let kept = kept(record)?;
    // The comparison takes constant time.
    of(volume_key, uuid, kept).verify_slice(record.get(1..)?).is_ok().then_some(kept)
}

/// Does the same for what versions of pattern before 0.2 kept: the tag alone.
#[must_use]
pub fn compare_earlier(held: &[u8], volume_key: &[u8], uuid: &str) -> Option<Kept> {
    let is = |kept: &Kept| of(volume_key, uuid, *kept).verify_slice(held).is_ok();
    [Kept::Known, Kept::Counted].into_iter().find(is)
}

/// Returns the tag of a volume.
#[must_use]
pub fn tag(volume_key: &[u8], uuid: &str, kept: Kept) -> [u8; TAG] {
    of(volume_key, uuid, kept).finalize().into_bytes().into()
}

fn of(volume_key: &[u8], uuid: &str, kept: Kept) -> Hmac<Sha256> {
    let what = match kept {
        Kept::Begun => "begun identity",
        Kept::Known => "identity",
        Kept::Counted => "counted identity",
    };
    mac(volume_key, what).chain_update(uuid)
}

/// Returns a MAC for one purpose only: `what` separates it from all others.
pub(crate) fn mac(volume_key: &[u8], what: &str) -> Hmac<Sha256> {
    // HMAC accepts a key of any length, so the fallback is never used. No volume has an empty key.
    let mac = Hmac::<Sha256>::new_from_slice(volume_key).unwrap_or_else(|_| Hmac::new(&Default::default()));
    // The zero byte separates the purpose from what follows.
    mac.chain_update(format!("pattern volume {what} 1\0"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_same_key_and_uuid_give_the_record() {
        for kept in Kept::ALL {
            let held = record(&[7; 64], "uuid", kept);
            assert_eq!(super::kept(&held), Some(kept));
            assert_eq!(compare(&held, &[7; 64], "uuid"), Some(kept));
            assert_eq!(compare(&held, &[8; 64], "uuid"), None);
            assert_eq!(compare(&held, &[7; 64], "other"), None);
            assert_eq!(compare(&held[..32], &[7; 64], "uuid"), None);
        }
        assert_eq!(compare(&[], &[7; 64], "uuid"), None);
    }

    /// Nobody can turn one kind into another without the key.
    #[test]
    fn the_tag_covers_what_the_record_says() {
        let mut held = record(&[7; 64], "uuid", Kept::Known);
        for code in [0, 1, 3, 4] {
            held[0] = code;
            assert_eq!(compare(&held, &[7; 64], "uuid"), None);
        }
    }

    /// Machines keep the tag for years.
    #[test]
    fn a_tag_stays_what_it_is() {
        // Computed independently of this program, with Python's hmac.
        let hex = |kept| crate::hex::encode(&tag(&[7; 64], "uuid", kept));
        assert_eq!(hex(Kept::Known), "6aa895141ce9679cacb4a0cb7a51b2fab006e0a6deed194e323a7ab6783ac035");
        assert_eq!(hex(Kept::Counted), "0b5f3f4011b41ee004f0afae0b1b97be6bf49994b55076c1657843a3af7a4930");
    }

    #[test]
    fn earlier_versions_kept_the_tag_alone() {
        for kept in [Kept::Known, Kept::Counted] {
            let held = tag(&[7; 64], "uuid", kept);
            assert_eq!(compare_earlier(&held, &[7; 64], "uuid"), Some(kept));
            assert_eq!(compare_earlier(&held, &[8; 64], "uuid"), None);
        }
        assert_eq!(compare_earlier(&tag(&[7; 64], "uuid", Kept::Begun), &[7; 64], "uuid"), None);
        assert_eq!(compare_earlier(&[], &[7; 64], "uuid"), None);
    }
}

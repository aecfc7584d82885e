//! Decides whether a volume may be made if the partition table lists none.
//!
//! The table's entry says that a volume was finished. But an entry can be lost, by accident or
//! through an attacker. So a volume is made without a person only if there can be no other: the
//! place does not begin with a LUKS header, and the TPM knows no volume. If the TPM knows one, no
//! volume is made before the owner gave that one up by a factory reset, or cleared the TPM.

use crate::config::TpmNeed;
use crate::tpm::latch::{Hidden, Signs};

use super::recognise::{has_first_magic, signature};
use super::{Locks, Seen};

/// Label of a LUKS2 header while its volume is being made.
pub const UNFINISHED: &str = "persist-new";
/// Label of a finished volume.
pub const FINISHED: &str = "persist";

/// What is at the place for a new volume.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Place {
    /// Nothing that belongs to anybody.
    Free,
    /// The rest of an interrupted first boot.
    Unfinished,
    /// A finished volume.
    Volume,
    /// Another LUKS volume, in words.
    Foreign(String),
}

/// What to do.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Creation {
    /// Make a volume.
    Make,
    /// Open the existing volume, and list it again.
    Restore,
    /// Ask on the console, and make a volume if the answer is the word. The place begins with this.
    Ask(String),
    /// Make none: the TPM knows this many volumes, and this is not one of them.
    Refuse(usize),
}

/// What opens a new volume by itself, or with a person.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Lock {
    /// The TPM.
    Tpm,
    /// A passphrase that a person chooses now: the machine has no TPM, and the image allows that.
    Passphrase,
}

/// Decides what opens a new volume. Whoever can hide the TPM for a boot gains nothing: a person at the console has to choose
/// the passphrase, and with its TPM the machine does not use such a volume in the place of one that the TPM knows.
///
/// # Errors
/// When the machine may have a TPM that can't be reached.
pub fn lock(need: TpmNeed, signs: Signs) -> Result<Lock, Hidden> {
    match need {
        TpmNeed::Required => Ok(Lock::Tpm),
        TpmNeed::Preferred => signs.tpm().map(|tpm| if tpm { Lock::Tpm } else { Lock::Passphrase }),
    }
}

/// Returns whether people open a volume at each boot: it was made without a TPM, the machine has none, and the image allows that.
#[must_use]
pub fn is_for_people(locks: &Locks, need: TpmNeed, signs: Signs) -> bool {
    locks.tokens.is_empty() && locks.unusable.is_empty() && lock(need, signs) == Ok(Lock::Passphrase)
}

/// Returns what is at a place, by its first bytes and by what was recognised there.
#[must_use]
pub fn place(head: &[u8], seen: &Seen) -> Place {
    let Seen::Luks2(header) = seen else {
        return without_header(head, seen);
    };
    // A header torn by a power cut still has its label, which is in the sector that is written
    // first.
    if header.is_unfinished() || has_first_magic(head) && label(head) == UNFINISHED.as_bytes() {
        return Place::Unfinished;
    }
    match signature(head) {
        Some(what) if !has_first_magic(head) => {
            Place::Foreign(format!("{what}, which was written over a LUKS2 volume"))
        }
        _ if header.is_finished() && header.has_key() => Place::Volume,
        _ => Place::Foreign("a LUKS2 volume that this system has not made".to_owned()),
    }
}

fn without_header(head: &[u8], seen: &Seen) -> Place {
    let begun = has_first_magic(head) && label(head) == UNFINISHED.as_bytes();
    match seen {
        Seen::Unsafe(_) | Seen::Damaged(_) if begun => Place::Unfinished,
        Seen::Other(what @ "a LUKS1 volume") => Place::Foreign((*what).to_owned()),
        Seen::Unsafe(flaw) => Place::Foreign(format!("a LUKS2 volume that is not safe to open: {flaw}")),
        Seen::Damaged(cause) => Place::Foreign(format!("a damaged LUKS2 header ({cause})")),
        Seen::Blank | Seen::Other(_) | Seen::Luks2(_) => Place::Free,
    }
}

/// Decides. `given_up` says that the table shows a factory reset. `known` is the number of volumes
/// that the TPM knows, without those that were never finished. A factory reset that the owner
/// confirmed removes the TPM's record of the volume. So if the TPM still knows one, somebody else
/// wrote the table.
#[must_use]
pub fn creation(given_up: bool, place: &Place, known: usize) -> Creation {
    match place {
        Place::Volume if !given_up => Creation::Restore,
        // A word on the console is not enough here. Otherwise an attacker could have a volume made
        // on this machine, and later put it in place of the owner's, and the TPM would know it.
        _ if known > 0 => Creation::Refuse(known),
        Place::Foreign(what) if !given_up => Creation::Ask(what.clone()),
        _ => Creation::Make,
    }
}

/// Returns the label of a LUKS2 header: 48 bytes, padded with zeros (LUKS2 On-Disk Format
/// Specification, 2.1).
pub(super) fn label(head: &[u8]) -> &[u8] {
    let field = head.get(24..72).unwrap_or_default();
    field.split(|byte| *byte == 0).next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::volume::luks2::fixture;
    use crate::volume::{Fault, Header};

    /// Returns a real header with another label, and its vetted form.
    fn seen(label: &str) -> (Vec<u8>, Seen) {
        let mut bytes = fixture::load(fixture::RICH);
        fixture::change(&mut bytes, |_, copy| {
            copy[24..72].fill(0);
            copy[24..24 + label.len()].copy_from_slice(label.as_bytes());
        });
        let seen = Seen::Luks2(Header::vet(&bytes, fixture::DEVICE).unwrap());
        (bytes, seen)
    }

    #[test]
    fn the_label_tells_a_finished_volume_from_one_that_was_begun() {
        for (label, wanted) in [(FINISHED, Place::Volume), (UNFINISHED, Place::Unfinished)] {
            let (head, seen) = seen(label);
            assert_eq!(place(&head, &seen), wanted);
        }
        let (head, seen) = seen("data");
        let Place::Foreign(what) = place(&head, &seen) else { panic!("not foreign") };
        assert_eq!(what, "a LUKS2 volume that this system has not made");
    }

    /// A cut within the first header leaves no valid copy.
    #[test]
    fn a_torn_header_of_a_volume_that_was_begun_is_recognised() {
        let (mut head, _) = seen(UNFINISHED);
        head[5000] ^= 1;
        head.truncate(16 << 10);
        let Err(Fault::Damaged(cause)) = Header::vet(&head, fixture::DEVICE) else { panic!("it is whole") };
        assert_eq!(place(&head, &Seen::Damaged(cause.clone())), Place::Unfinished);
        let (head, _) = seen(FINISHED);
        assert!(matches!(place(&head, &Seen::Damaged(cause)), Place::Foreign(_)));
    }

    #[test]
    fn what_is_not_a_luks_volume_is_in_nobodys_way() {
        assert_eq!(place(&[0; 512], &Seen::Blank), Place::Free);
        assert_eq!(place(&[1; 512], &Seen::Other("an ext4 file system")), Place::Free);
        let luks1 = Seen::Other("a LUKS1 volume");
        assert_eq!(place(b"LUKS\xba\xbe\0\x01", &luks1), Place::Foreign("a LUKS1 volume".to_owned()));
    }

    #[test]
    fn a_passphrase_is_for_machines_without_any_sign_of_a_tpm() {
        let signs = |device, measured, listed| Signs { device, measured, listed };
        let (none, there) = (signs(false, false, false), signs(true, true, true));
        assert_eq!(lock(TpmNeed::Preferred, none), Ok(Lock::Passphrase));
        assert_eq!(lock(TpmNeed::Preferred, there), Ok(Lock::Tpm));
        for hidden in [signs(false, true, false), signs(false, false, true)] {
            assert!(lock(TpmNeed::Preferred, hidden).is_err(), "{hidden:?}");
        }
        for any in [none, there, signs(false, false, true)] {
            assert_eq!(lock(TpmNeed::Required, any), Ok(Lock::Tpm), "{any:?}");
        }
    }

    #[test]
    fn a_volume_with_a_key_of_a_tpm_is_not_for_people() {
        let (none, there) = (Signs::default(), Signs { device: true, ..Signs::default() });
        let passphrase = Locks { recovery: true, ..Locks::default() };
        let sealed = Locks { unusable: vec!["a token of another TPM".to_owned()], ..Locks::default() };
        assert!(is_for_people(&passphrase, TpmNeed::Preferred, none));
        assert!(!is_for_people(&passphrase, TpmNeed::Preferred, there));
        assert!(!is_for_people(&passphrase, TpmNeed::Required, none));
        assert!(!is_for_people(&sealed, TpmNeed::Preferred, none));
    }

    #[test]
    fn a_volume_is_made_by_itself_only_where_none_can_be() {
        let foreign = Place::Foreign("x".to_owned());
        let occupied = Creation::Ask("x".to_owned());
        for (place, known, wanted) in [
            (&Place::Free, 0, Creation::Make),
            (&Place::Unfinished, 0, Creation::Make),
            (&Place::Free, 1, Creation::Refuse(1)),
            (&Place::Unfinished, 2, Creation::Refuse(2)),
            (&Place::Volume, 0, Creation::Restore),
            (&Place::Volume, 2, Creation::Restore),
            (&foreign, 0, occupied),
            (&foreign, 1, Creation::Refuse(1)),
        ] {
            assert_eq!(creation(false, place, known), wanted, "{place:?} {known}");
        }
    }

    #[test]
    fn a_factory_reset_counts_only_where_the_tpm_forgot_the_volume() {
        for place in [Place::Free, Place::Unfinished, Place::Volume, Place::Foreign("x".to_owned())] {
            assert_eq!(creation(true, &place, 0), Creation::Make, "{place:?}");
            assert_eq!(creation(true, &place, 1), Creation::Refuse(1), "{place:?}");
        }
    }
}

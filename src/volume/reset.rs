//! Decides about a factory reset: whether the machine gives up everything that it keeps.
//!
//! The partition table has the decision. The volume's entry gets another label, and from then on
//! nothing opens the content. It is overwritten, and a new volume is made in its place. A cut
//! leaves the old volume, or a reset that the next boot completes.

use crate::table::{Partition, ResetPlace};
use crate::volume::{self, Refusal, Seen, UNKNOWN};

/// The word that a person types, so that nothing is erased by mistake.
pub const WORD: &str = "erase";

/// Bytes at a volume's start that hold its key slots: both copies of a LUKS2 header, at most 4 MiB
/// each, and at most 128 MiB of key material (LUKS2 On-Disk Format Specification, chapter 2;
/// `LUKS2_MAX_KEYSLOTS_SIZE` of cryptsetup).
pub const KEY_AREA: u64 = 136 << 20;

/// Comes before the volume's UUID in a request that only asks.
const QUESTION: &str = "ask ";

/// What a request wants from the next boot.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Wish {
    /// The owner was asked, and confirmed: erase.
    Erase,
    /// Nobody was asked: ask on the console.
    Ask,
}

/// What to do.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Decision {
    /// Nobody wants a reset.
    Nothing,
    /// There is a request for a volume that no longer exists.
    Forget,
    /// Ask on the console whether to give this volume up.
    Ask(Partition),
    /// The owner requested it: give this volume up.
    GiveUp(Partition),
    /// Overwrite the rest of a volume that was given up.
    Erase(Partition),
}

/// Decides by what the table has, the request that [`request`] made, and whether the command line
/// offers a reset.
#[must_use]
pub fn decide(place: ResetPlace, request: Option<&str>, offered: bool) -> Decision {
    let part = match place {
        ResetPlace::Begun(part) => return Decision::Erase(part),
        ResetPlace::Nothing if request.is_some() => return Decision::Forget,
        ResetPlace::Nothing => return Decision::Nothing,
        ResetPlace::Volume(part) => part,
    };
    match request.and_then(|request| wish(request, &part)) {
        Some(Wish::Erase) => Decision::GiveUp(part),
        Some(Wish::Ask) => Decision::Ask(part),
        None if offered => Decision::Ask(part),
        None if request.is_some() => Decision::Forget,
        None => Decision::Nothing,
    }
}

/// Returns the text of a request for this volume. A new volume has another UUID, so a request that
/// could not be removed is never carried out twice.
#[must_use]
pub fn request(volume: &Partition, wish: Wish) -> String {
    let mark = if wish == Wish::Ask { QUESTION } else { "" };
    format!("{mark}{}", volume.uuid)
}

/// Returns what a request wants for this volume, or `None` if it is for another one.
#[must_use]
pub fn wish(request: &str, volume: &Partition) -> Option<Wish> {
    [Wish::Erase, Wish::Ask].into_iter().find(|wish| request == self::request(volume, *wish))
}

/// Checks that the content may be erased: it is our volume, or the rest of one.
///
/// # Errors
/// When it is something else that only has the label.
pub fn vouch(seen: &Seen) -> Result<(), Refusal> {
    match seen {
        Seen::Blank | Seen::Damaged(_) | Seen::Unsafe(_) => Ok(()),
        Seen::Luks2(header) if header.has_locks() || header.is_finished() || header.is_unfinished() => Ok(()),
        Seen::Luks2(_) => Err(Refusal::Foreign),
        Seen::Other(_) => volume::openable(seen.clone()).map(drop),
    }
}

/// Does the same for a reset that was begun. A header that is partly overwritten is not recognised
/// as anything.
///
/// # Errors
/// When it is something else that only has the label.
pub fn vouch_begun(seen: &Seen) -> Result<(), Refusal> {
    if *seen == Seen::Other(UNKNOWN) { Ok(()) } else { vouch(seen) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::{Extent, Guid, PERSIST_TYPE};

    fn part(uuid: u8) -> Partition {
        let (extent, label) = (Extent { first: 2048, last: 4095 }, "persist".to_owned());
        Partition { number: 6, kind: PERSIST_TYPE, uuid: Guid::from_uuid([uuid; 16]), extent, label }
    }

    #[test]
    fn a_request_is_for_one_volume() {
        let volume = || ResetPlace::Volume(part(1));
        let request = request(&part(1), Wish::Erase);
        assert_eq!(request, "01010101-0101-0101-0101-010101010101");
        assert_eq!(decide(volume(), Some(&request), false), Decision::GiveUp(part(1)));
        for other in [self::request(&part(2), Wish::Erase), self::request(&part(2), Wish::Ask), String::new()]
        {
            assert_eq!(decide(volume(), Some(&other), false), Decision::Forget, "{other}");
        }
        assert_eq!(decide(ResetPlace::Nothing, Some(&request), false), Decision::Forget);
        assert_eq!(decide(volume(), None, false), Decision::Nothing);
    }

    #[test]
    fn what_nobody_confirmed_is_asked_about_and_never_erased() {
        let question = request(&part(1), Wish::Ask);
        assert_eq!(question, "ask 01010101-0101-0101-0101-010101010101");
        for offered in [false, true] {
            assert_eq!(decide(ResetPlace::Volume(part(1)), Some(&question), offered), Decision::Ask(part(1)));
        }
        assert_eq!(decide(ResetPlace::Nothing, Some(&question), false), Decision::Forget);
        assert_eq!((wish(&question, &part(1)), wish(&question, &part(2))), (Some(Wish::Ask), None));
    }

    #[test]
    fn the_command_line_makes_it_ask_and_nothing_more() {
        assert_eq!(decide(ResetPlace::Volume(part(1)), None, true), Decision::Ask(part(1)));
        assert_eq!(decide(ResetPlace::Volume(part(1)), Some("other"), true), Decision::Ask(part(1)));
        assert_eq!(decide(ResetPlace::Nothing, None, true), Decision::Nothing);
    }

    #[test]
    fn what_was_begun_is_finished_whatever_is_asked() {
        for (request, offered) in [(None, false), (Some("other"), false), (None, true)] {
            assert_eq!(decide(ResetPlace::Begun(part(1)), request, offered), Decision::Erase(part(1)));
        }
    }

    #[test]
    fn only_what_may_be_ours_is_erased() {
        for seen in [Seen::Blank, Seen::Damaged("a wrong checksum".to_owned())] {
            assert_eq!(vouch(&seen), Ok(()));
        }
        for vouch in [vouch, vouch_begun] {
            let words = vouch(&Seen::Other("an ext4 file system")).unwrap_err().to_string();
            assert!(
                words.starts_with("the partition holds an ext4 file system, not a LUKS2 volume;"),
                "{words}"
            );
        }
    }

    /// A volume that only a passphrase opens may be somebody else's.
    #[test]
    fn a_volume_without_our_tokens_is_erased_if_our_label_is_in_its_header() {
        use crate::volume::luks2::fixture::{DEVICE, change, load};
        let mut bytes = load("cryptsetup-2.7.5-defaults");
        let seen = |bytes: &[u8]| Seen::Luks2(volume::Header::vet(bytes, DEVICE).unwrap());
        assert_eq!(vouch(&seen(&bytes)), Err(Refusal::Foreign));
        change(&mut bytes, |_, copy| copy[24..31].copy_from_slice(b"persist"));
        assert_eq!(vouch(&seen(&bytes)), Ok(()));
    }

    #[test]
    fn a_header_that_is_half_overwritten_is_erased_in_a_reset_that_was_begun_only() {
        assert_eq!(vouch_begun(&Seen::Other(UNKNOWN)), Ok(()));
        assert_eq!(vouch_begun(&Seen::Blank), Ok(()));
        assert!(vouch(&Seen::Other(UNKNOWN)).is_err());
    }
}

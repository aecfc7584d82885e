//! Decides whether the next boot needs an announcement ([`crate::token::ahead`]).

use crate::sealing::binding::has;
use crate::token::ahead::Ahead;
use crate::token::{Binding, Tpm2Token};

/// The next boot beside this one, and what the volume has.
#[derive(Clone, Copy, Debug)]
pub struct Situation<'a> {
    /// Whether a register that the volume is bound to will have another value.
    pub changes: bool,
    /// Whether the firmware starts other programs, or programs that another key signed.
    pub other_programs: bool,
    /// The binding of a boot without additions to the kernel image.
    pub usual: &'a Binding,
    /// The binding of the next boot.
    pub next: &'a Binding,
    /// The volume's tokens.
    pub tokens: &'a [Tpm2Token],
    /// Its slots for announced changes.
    pub slots: &'a [Ahead],
}

/// What is to be announced.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Needed {
    /// Nothing: the next boot is as the volume is bound.
    Nothing,
    /// The change.
    Change,
    /// A boot with additions settles nothing, so its own slot has to name the key of a new epoch.
    NewKey,
    /// That the add-ons that were announced are gone.
    Withdrawal,
    /// Nothing may be: only a signature over PCR 11 tells a program of the image's owner from one that somebody else put there.
    Refused,
}

impl Situation<'_> {
    /// Decides it.
    #[must_use]
    pub fn needed(self) -> Needed {
        let Self { changes, other_programs, usual, next, tokens, slots } = self;
        let has_additions = next != usual;
        let names_additions = || slots.iter().flat_map(Ahead::announcements).any(|one| one.additions);
        match (changes, has_additions) {
            _ if other_programs && next.signed.is_none() => Needed::Refused,
            (true, _) => Needed::Change,
            (false, true) if tokens.iter().any(|token| has(token, next)) => Needed::Nothing,
            (false, true) => Needed::NewKey,
            (false, false) if names_additions() => Needed::Withdrawal,
            (false, false) => Needed::Nothing,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::samples::config;
    use crate::sealing::binding::{of_the_key, where_added};
    use crate::token::{Bank, PublicKey, samples};

    const SLOT: &str = include_str!("../../tests/fixtures/firmware/ahead.json");

    fn usual(signed: bool) -> Binding {
        let key = signed.then(|| PublicKey::parse(samples::PEM).unwrap());
        of_the_key(&config(false, ""), key.as_ref(), Bank::Sha256)
    }

    fn slot(additions: bool) -> Ahead {
        let mut slot = Ahead::parse(SLOT).unwrap();
        slot.announced.iter_mut().for_each(|one| one.additions = additions);
        slot
    }

    #[test]
    fn what_is_announced_follows_from_what_will_be_otherwise() {
        let (usual, slots) = (usual(true), [slot(false)]);
        let added = where_added(usual.clone(), &[1; 32]);
        let needed = |changes, next: &Binding| {
            let (usual, tokens) = (&usual, &[][..]);
            Situation { changes, other_programs: true, usual, next, tokens, slots: &slots }.needed()
        };
        assert_eq!([needed(false, &usual), needed(true, &usual)], [Needed::Nothing, Needed::Change]);
        // No token is bound to the additions, so the announcement is the only way in.
        assert_eq!([needed(false, &added), needed(true, &added)], [Needed::NewKey, Needed::Change]);
    }

    /// Whoever puts the file back would have the volume open with it.
    #[test]
    fn an_add_on_that_is_gone_is_withdrawn() {
        let usual = usual(true);
        let needed = |announced: Ahead, kept: Option<Ahead>| {
            let slots = [Ahead { kept: kept.and_then(|slot| slot.announced), ..announced }];
            let (usual, next, tokens) = (&usual, &usual, &[][..]);
            Situation { changes: false, other_programs: false, usual, next, tokens, slots: &slots }.needed()
        };
        assert_eq!(needed(slot(true), None), Needed::Withdrawal);
        assert_eq!(needed(slot(false), Some(slot(true))), Needed::Withdrawal);
        assert_eq!(needed(slot(false), Some(slot(false))), Needed::Nothing);
    }

    /// Somebody put a version there that another certificate of db accepts, while the machine was off.
    #[test]
    fn without_a_signed_image_no_other_program_is_announced() {
        let needed = |signed, other_programs, changes| {
            let usual = usual(signed);
            let (usual, next, tokens, slots) = (&usual, &usual, &[][..], &[][..]);
            Situation { changes, other_programs, usual, next, tokens, slots }.needed()
        };
        assert_eq!(needed(false, true, true), Needed::Refused);
        assert_eq!(needed(true, true, true), Needed::Change);
        assert_eq!(needed(false, false, true), Needed::Change);
    }
}

//! Predicts the events of PCR 7 that name what accepted the programs of a boot.

use std::collections::BTreeMap;

use super::log::digest;
use super::signer::{Acceptance, acceptance};
use super::{AUTHORITY, Entry, Event, Measured, Program, Started, Unpredictable, Variable, entries, program};
use crate::token::Bank;

/// Of shim.
const SHIM: u8 = 14;
/// Firmware on a card is a driver that is measured into this register (TCG PC Client Platform Firmware Profile, "Event Types").
const CARDS: u8 = 2;
const DRIVERS: [u32; 2] = [0x8000_0004, 0x8000_0005];

type Contents = BTreeMap<Variable, Vec<u8>>;

impl<'a> Measured<'a> {
    /// Returns what is measured in the place of each event that names what accepted something, and behind the last one. The firmware
    /// measures each entry once.
    ///
    /// # Errors
    /// When that is not clear.
    pub(super) fn authorities(
        &self,
        contents: &Contents,
        before: Started<'_>,
        after: &[Program<'_>],
    ) -> Result<Vec<Vec<Vec<u8>>>, Unpredictable> {
        let (old_db, new_db) = self.databases(contents);
        let mut all = self.with_keys(contents)?;
        all.push(Vec::new());
        let accepted =
            |entries: &[Entry<'_>]| entries.iter().map(|one| self.of_entry(one)).collect::<Vec<_>>();
        let old = accepted(&acceptors(old_db, before.programs, &[])?);
        let new = accepted(&acceptors(new_db, after, before.programs)?);
        // An entry may have accepted other things, too, such as firmware on a card. It goes only with a program that went.
        let went = only(before.programs, after);
        let mut gone = accepted(&acceptors(old_db, &went, &[])?);
        if !before.complete {
            gone.extend(self.of_replaced(&all, &[&old[..], &new].concat())?);
        }
        let stays = |digest: &Vec<u8>| !gone.contains(digest) || new.contains(digest);
        let missing: Vec<_> =
            new.iter().filter(|digest| !all.iter().flatten().any(|one| one == *digest)).cloned().collect();
        let first_gone = all.iter().position(|digests| !digests.iter().all(stays));
        all.iter_mut().for_each(|digests| digests.retain(stays));
        let last = all.len().saturating_sub(1);
        if let Some(place) = all.get_mut(first_gone.unwrap_or(last)) {
            place.extend(missing);
        }
        Ok(all)
    }

    /// Returns what accepted programs that do not lie there any more: what no known program explains.
    fn of_replaced(&self, all: &[Vec<Vec<u8>>], known: &[Vec<u8>]) -> Result<Vec<Vec<u8>>, Unpredictable> {
        let unknown: Vec<_> =
            all.iter().flatten().filter(|digest| !known.contains(digest)).cloned().collect();
        let has_cards = self.log.of(CARDS).any(|event| DRIVERS.contains(&event.kind));
        if has_cards && !unknown.is_empty() { Err(Unpredictable::Others) } else { Ok(unknown) }
    }

    /// Returns the digests of the events that name what accepted programs.
    #[must_use]
    pub fn accepted(&self) -> Vec<Vec<u8>> {
        self.named().map(|event| self.digest(event).to_vec()).collect()
    }

    /// Returns whether shim was started: it measures what its own lists say into PCR 14, and the list of revocations that it goes by
    /// here (its `README.tpm`, and `mok.c`).
    pub(crate) fn is_shims(&self) -> bool {
        self.log.of(SHIM).next().is_some() || self.foreign().next().is_some()
    }

    /// Returns the events of what accepted a program and is not an entry of `db`.
    pub(crate) fn foreign(&self) -> impl Iterator<Item = &'a Event> + use<'a> {
        self.named().filter(|event| !matches!(Variable::of_structure(&event.data), Some((Variable::Db, _))))
    }

    fn named(&self) -> impl Iterator<Item = &'a Event> + use<'a> {
        self.events().filter(|event| event.kind == AUTHORITY)
    }

    /// `db` as it was measured, and as it will be.
    fn databases<'b>(&self, contents: &'b Contents) -> (&'b [u8], &'b [u8])
    where
        'a: 'b,
    {
        let measured = self.content(Variable::Db).unwrap_or_default();
        (measured, contents.get(&Variable::Db).map_or(measured, Vec::as_slice))
    }

    /// Returns the digests after a change of `db`, for the same programs.
    fn with_keys(&self, contents: &Contents) -> Result<Vec<Vec<Vec<u8>>>, Unpredictable> {
        let before = self.content(Variable::Db);
        let db = match contents.get(&Variable::Db).map(Vec::as_slice) {
            Some(db) if Some(db) != before => db,
            _ => return Ok(self.named().map(|event| vec![self.digest(event).to_vec()]).collect()),
        };
        let mut all: Vec<Vec<Vec<u8>>> = Vec::new();
        for event in self.named() {
            let digest = self.authority(event, db)?;
            let again = all.iter().flatten().any(|other| *other == digest);
            all.push(if again { Vec::new() } else { vec![digest] });
        }
        Ok(all)
    }

    /// Returns the digest of one of these events.
    fn authority(&self, event: &'a Event, db: &[u8]) -> Result<Vec<u8>, Unpredictable> {
        let measured = self.digest(event);
        let Some((Variable::Db, signature)) = Variable::of_structure(&event.data) else {
            // Not an entry of db, but for example one of shim's.
            return Ok(measured.to_vec());
        };
        if digest(self.bank, &event.data) != measured {
            return Err(Unpredictable::Unexplained(Variable::Db));
        }
        let value = signature.get(16..).unwrap_or_default();
        let entries = entries(db).map_err(|error| Unpredictable::Database(Variable::Db, error))?;
        let entry = entries.iter().find(|entry| entry.value() == value).ok_or(Unpredictable::Removed)?;
        Ok(self.of_entry(entry))
    }

    pub(super) fn of_entry(&self, entry: &Entry<'_>) -> Vec<u8> {
        digest(self.bank, &Variable::Db.structure(entry.signature()))
    }
}

/// Returns the programs that are not among others.
fn only<'p>(these: &[Program<'p>], others: &[Program<'_>]) -> Vec<Program<'p>> {
    these.iter().filter(|one| !others.iter().any(|other| other.bytes == one.bytes)).copied().collect()
}

/// Returns the entries that accept these programs, each once. Where that is not clear, `known` programs have been accepted before.
fn acceptors<'a>(
    db: &'a [u8],
    programs: &[Program<'_>],
    known: &[Program<'_>],
) -> Result<Vec<Entry<'a>>, Unpredictable> {
    let mut found = Vec::new();
    for program in programs {
        let Program { path, bytes } = program;
        let digest = program::digest(bytes, Bank::Sha256).unwrap_or_default();
        let how =
            acceptance(db, bytes, &digest).map_err(|error| Unpredictable::Database(Variable::Db, error))?;
        match how {
            Acceptance::By(entry) if !found.contains(&entry) => found.push(entry),
            Acceptance::By(_) => {}
            _ if known.contains(program) => {}
            Acceptance::Refused => return Err(Unpredictable::Refused((*path).to_owned())),
            Acceptance::Unclear => return Err(Unpredictable::Signer((*path).to_owned())),
        }
    }
    Ok(found)
}

//! Predicts the events of PCR 7 that name what accepted the programs of a boot.

use std::collections::BTreeMap;

use super::log::digest;
use super::signer::{Acceptance, acceptance};
use super::{AUTHORITY, Entry, Event, Measured, Program, Unpredictable, Variable, entries, program};
use crate::token::Bank;

type Contents = BTreeMap<Variable, Vec<u8>>;

impl<'a> Measured<'a> {
    /// Returns what is measured in the place of each event that names what accepted something. The firmware measures each entry
    /// once.
    ///
    /// # Errors
    /// When that is not clear.
    pub(super) fn authorities(
        &self,
        contents: &Contents,
        before: &[Program<'_>],
        after: &[Program<'_>],
    ) -> Result<Vec<Vec<Vec<u8>>>, Unpredictable> {
        let (old_db, new_db) = self.databases(contents);
        let mut all = self.with_keys(contents)?;
        let (gone, come) =
            (acceptors(old_db, &only(before, after))?, acceptors(new_db, &only(after, before))?);
        let digests =
            |entries: &[Entry<'_>]| entries.iter().map(|one| self.of_entry(one)).collect::<Vec<_>>();
        let there = |digest: &Vec<u8>| all.iter().flatten().any(|other| other == digest);
        let stays = gone.iter().all(|one| come.iter().any(|other| one.value() == other.value()));
        if stays && digests(&come).iter().all(there) {
            return Ok(all);
        }
        let (old, new) = (digests(&acceptors(old_db, before)?), digests(&acceptors(new_db, after)?));
        let is_old: Vec<_> =
            self.named().map(|event| old.iter().any(|digest| digest == self.digest(event))).collect();
        // What accepted other things, such as firmware on a card, stays where it is.
        let first = is_old.iter().position(|old| *old).ok_or(Unpredictable::Others)?;
        for (place, (digests, old)) in all.iter_mut().zip(is_old).enumerate() {
            match old {
                true if place == first => digests.clone_from(&new),
                true => digests.clear(),
                false => digests.retain(|digest| !new.contains(digest)),
            }
        }
        Ok(all)
    }

    /// Returns the digests of the events that name what accepted programs.
    #[must_use]
    pub fn accepted(&self) -> Vec<Vec<u8>> {
        self.named().map(|event| self.digest(event).to_vec()).collect()
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

/// Returns the entries that accept these programs, each once.
fn acceptors<'a>(db: &'a [u8], programs: &[Program<'_>]) -> Result<Vec<Entry<'a>>, Unpredictable> {
    let mut found = Vec::new();
    for Program { path, bytes } in programs {
        let digest = program::digest(bytes, Bank::Sha256).unwrap_or_default();
        let how =
            acceptance(db, bytes, &digest).map_err(|error| Unpredictable::Database(Variable::Db, error))?;
        match how {
            Acceptance::By(entry) if !found.contains(&entry) => found.push(entry),
            Acceptance::By(_) => {}
            Acceptance::Refused => return Err(Unpredictable::Refused((*path).to_owned())),
            Acceptance::Unclear => return Err(Unpredictable::Signer((*path).to_owned())),
        }
    }
    Ok(found)
}

//! Decides whether what was written in a boot with another PCR 7 may be trusted in this boot.
//!
//! It may if Secure Boot was on, and each entry of the earlier `db` is in the present one. A
//! program that `dbx` forbids since then may have run. The TPM does not say what a value that it
//! compared stood for. The claim says it, and only the true claim leads to that value. Everything
//! that is not claimed must be as in this boot.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::log::replay;
use super::{AUTHORITY, DatabaseError, Measured, Variable, entries};
use crate::token::Earlier;

/// What is claimed to have been different. Anybody may have written the claim.
#[derive(Clone, Copy, Default, Debug)]
pub struct Claim<'a> {
    /// The content of `db`.
    pub db: Option<&'a [u8]>,
    /// The digest of the event of `KEK`.
    pub kek: Option<&'a [u8]>,
    /// The digest of the event of `dbx`.
    pub dbx: Option<&'a [u8]>,
    /// The digests of the events that name what accepted programs.
    pub accepted: Option<&'a [Vec<u8>]>,
}

/// Why the earlier boot is not trusted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Distrust {
    /// Signatures are not checked in this boot.
    Off,
    /// The firmware measured this variable twice or never, or the log has another content for it
    /// than was measured.
    Unexplained(Variable),
    /// The claim does not lead to the earlier value.
    NotSo,
    /// The earlier or the present `db` is not a signature database.
    Database(DatabaseError),
    /// The earlier `db` allowed something that the present one does not.
    MoreWereAdmitted,
    /// Something was accepted that no entry of the present `db` stands for.
    OthersWereAccepted,
}

impl fmt::Display for Distrust {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Off => f.write_str("Secure Boot is off in this boot"),
            Self::Unexplained(variable) => {
                write!(f, "the firmware's event log does not show what the firmware measured of {variable}")
            }
            Self::NotSo => f.write_str("the announced earlier firmware keys do not give the earlier PCR 7"),
            Self::Database(error) => write!(f, "db: {error}"),
            Self::MoreWereAdmitted => {
                f.write_str("the earlier db had a certificate or hash that the db of this boot does not have")
            }
            Self::OthersWereAccepted => f.write_str(
                "what was started in the earlier boot was accepted by a certificate or hash that the db of this boot does not have",
            ),
        }
    }
}

impl std::error::Error for Distrust {}

impl<'a> Measured<'a> {
    /// Returns what a later boot, with these contents, has to know of this one.
    #[must_use]
    pub fn earlier(&self, contents: &BTreeMap<Variable, Vec<u8>>) -> Earlier {
        let event = |variable| {
            let mut events = self.of(variable).map(|found| self.digest(found.event).to_vec());
            contents.contains_key(&variable).then(|| events.next()).flatten()
        };
        let digests = self.events().map(|event| self.digest(event));
        Earlier {
            value: replay(self.bank, digests),
            accepted: None,
            db: self.content(Variable::Db).map(<[u8]>::len).filter(|_| contents.contains_key(&Variable::Db)),
            kek: event(Variable::Kek),
            dbx: event(Variable::Dbx),
        }
    }

    /// Checks that the described boot had Secure Boot on, and no entry in `db` that this boot does
    /// not have.
    ///
    /// # Errors
    /// When that is not so, or not proved.
    pub fn trusts_earlier(&self, earlier: &Earlier) -> Result<(), Distrust> {
        let db = earlier.db.map(|length| {
            let now = self.content(Variable::Db).ok_or(Distrust::Unexplained(Variable::Db))?;
            now.get(..length).ok_or(Distrust::NotSo)
        });
        let (kek, dbx) = (earlier.kek.as_deref(), earlier.dbx.as_deref());
        let claim = Claim { db: db.transpose()?, kek, dbx, accepted: earlier.accepted.as_deref() };
        self.trusts(&earlier.value, &claim)
    }

    /// Checks that a boot whose PCR 7 had the value `old` had Secure Boot on, and no entry in `db`
    /// that this boot does not have.
    ///
    /// # Errors
    /// When that is not so, or not proved.
    pub fn trusts(&self, old: &[u8], claim: &Claim<'_>) -> Result<(), Distrust> {
        if !self.secure_boot() {
            return Err(Distrust::Off);
        }
        let substitutes = self.substitutes(claim)?;
        let mut accepted = claim.accepted.map(<[_]>::iter);
        let mut digests: Vec<&[u8]> = Vec::new();
        for event in self.events() {
            let variable = self.of_variable(event).map(|found| found.variable);
            let other = substitutes.iter().find(|(one, _)| Some(*one) == variable);
            match (&mut accepted, other) {
                // The first of these events stands for all of them.
                (Some(all), _) if event.kind == AUTHORITY => digests.extend(all.map(Vec::as_slice)),
                (_, Some((_, digest))) => digests.push(digest),
                _ => digests.push(self.digest(event)),
            }
        }
        if replay(self.bank, digests) != old {
            return Err(Distrust::NotSo);
        }
        if !claim.accepted.unwrap_or_default().iter().all(|digest| self.is_of_an_entry(digest)) {
            return Err(Distrust::OthersWereAccepted);
        }
        claim.db.map_or(Ok(()), |db| self.admits(db))
    }

    /// Returns the digests that replace the present ones.
    fn substitutes(&self, claim: &Claim<'_>) -> Result<Vec<(Variable, Vec<u8>)>, Distrust> {
        let mut all = Vec::new();
        for (variable, digest) in [(Variable::Kek, claim.kek), (Variable::Dbx, claim.dbx)] {
            let Some(digest) = digest else { continue };
            if self.of(variable).count() != 1 || digest.len() != self.bank.zeros().len() {
                return Err(Distrust::Unexplained(variable));
            }
            all.push((variable, digest.to_vec()));
        }
        if let Some(db) = claim.db {
            let mut events = self.of(Variable::Db);
            let form = match (events.next(), events.next()) {
                (Some(only), None) => only.form,
                _ => None,
            };
            let form = form.ok_or(Distrust::Unexplained(Variable::Db))?;
            all.push((Variable::Db, form.digest(Variable::Db, db, self.bank)));
        }
        Ok(all)
    }

    /// Returns whether an event with this digest names an entry of `db` as it was measured.
    fn is_of_an_entry(&self, digest: &[u8]) -> bool {
        let entries = entries(self.content(Variable::Db).unwrap_or_default()).unwrap_or_default();
        entries.iter().any(|entry| self.of_entry(entry) == digest)
    }

    fn admits(&self, old: &[u8]) -> Result<(), Distrust> {
        let now = self.content(Variable::Db).ok_or(Distrust::Unexplained(Variable::Db))?;
        let now: BTreeSet<_> = entries(now).map_err(Distrust::Database)?.into_iter().collect();
        let old = entries(old).map_err(Distrust::Database)?;
        if old.iter().all(|entry| now.contains(entry)) { Ok(()) } else { Err(Distrust::MoreWereAdmitted) }
    }
}

#[cfg(test)]
mod tests;

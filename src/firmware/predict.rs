//! Predicts the register after a restart that applies a change.

use std::collections::BTreeMap;
use std::fmt;

use super::log::{digest, replay};
use super::{AUTHORITY, DatabaseError, Event, Form, Measured, ON, OfVariable, Variable, entries};

/// Why the register's next value is unknown, or must not be used.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Unpredictable {
    /// Secure Boot is off now, so PCR 7 protects nothing.
    Off,
    /// The change switches Secure Boot off.
    WillBeOff,
    /// The log has another content for this variable than was measured.
    Unexplained(Variable),
    /// This variable does not hold a signature database.
    Database(Variable, DatabaseError),
    /// The entry that verified the boot loader or the kernel image is not in the new `db`.
    Removed,
}

impl fmt::Display for Unpredictable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Off => f.write_str("Secure Boot is off in this boot"),
            Self::WillBeOff => f.write_str("the change switches Secure Boot off"),
            Self::Unexplained(variable) => write!(
                f,
                "the firmware's event log does not show what the firmware measured of {variable}, so its next value can't be \
                 predicted"
            ),
            Self::Database(variable, error) => write!(f, "{variable}: {error}"),
            Self::Removed => f.write_str(
                "the new db lacks the certificate or hash that verified what was started in this boot, so the firmware \
                 would refuse to start it",
            ),
        }
    }
}

impl std::error::Error for Unpredictable {}

impl<'a> Measured<'a> {
    /// Returns PCR 7 in a boot with these contents. Variables that are not named keep their
    /// measured content. A variable that does not exist has an empty content.
    ///
    /// # Errors
    /// When Secure Boot is or will be off, or the log does not prove enough.
    pub fn after(&self, contents: &BTreeMap<Variable, Vec<u8>>) -> Result<Vec<u8>, Unpredictable> {
        if !self.secure_boot() {
            return Err(Unpredictable::Off);
        }
        let is = |variable, wanted: &[u8]| contents.get(&variable).is_none_or(|content| content == wanted);
        if !is(Variable::SecureBoot, ON) || contents.get(&Variable::Pk).is_some_and(Vec::is_empty) {
            return Err(Unpredictable::WillBeOff);
        }
        let authorities = self.authorities(contents)?;
        let mut authorities = authorities.iter();
        let digests = self.log.events.iter().map(|event| match self.of_variable(event) {
            Some(found) => self.next(&found, contents.get(&found.variable)).map(Some),
            None if event.kind == AUTHORITY => Ok(authorities.next().cloned().flatten()),
            None => Ok(Some(self.digest(event).to_vec())),
        });
        let digests: Vec<_> = digests.collect::<Result<_, _>>()?;
        Ok(replay(self.bank, digests.iter().flatten().map(Vec::as_slice)))
    }

    /// Returns the digest of a variable's event with another content.
    fn next(&self, found: &OfVariable<'a>, content: Option<&Vec<u8>>) -> Result<Vec<u8>, Unpredictable> {
        let variable = found.variable;
        let measured = self.digest(found.event).to_vec();
        match content {
            None => Ok(measured),
            Some(content) if Form::of(variable, content, self.bank, &measured).is_some() => Ok(measured),
            Some(content) => {
                let form = found.form.ok_or(Unpredictable::Unexplained(variable))?;
                Ok(form.digest(variable, content, self.bank))
            }
        }
    }

    /// Returns the digests of the events that name what verified something. The firmware measures
    /// each entry once, so the digest of a repeated entry is `None`.
    fn authorities(
        &self,
        contents: &BTreeMap<Variable, Vec<u8>>,
    ) -> Result<Vec<Option<Vec<u8>>>, Unpredictable> {
        let before = self.content(Variable::Db);
        let events = self.log.events.iter().filter(|event| event.kind == AUTHORITY);
        let db = match contents.get(&Variable::Db).map(Vec::as_slice) {
            Some(db) if Some(db) != before => db,
            _ => return Ok(events.map(|event| Some(self.digest(event).to_vec())).collect()),
        };
        let mut digests: Vec<Option<Vec<u8>>> = Vec::new();
        for event in events {
            let digest = Some(self.authority(event, db)?);
            digests.push(digest.filter(|digest| !digests.contains(&Some(digest.clone()))));
        }
        Ok(digests)
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
        Ok(digest(self.bank, &Variable::Db.structure(entry.signature())))
    }
}

#[cfg(test)]
mod tests;

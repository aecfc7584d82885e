//! Predicts the register after a restart that applies a change.

use std::collections::BTreeMap;
use std::fmt;

use super::log::replay;
use super::{AUTHORITY, DatabaseError, Form, Measured, ON, OfVariable, Variable};
use crate::plain::plain;

/// A program that the firmware verifies.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Program<'a> {
    /// Its path, for messages.
    pub path: &'a str,
    /// Its content.
    pub bytes: &'a [u8],
}

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
    /// Nothing in `db` accepts this program.
    Refused(String),
    /// This program is signed with a certificate that is not itself in `db`.
    Signer(String),
    /// Shim was started: it accepts programs by keys of its own, and measures what it accepted once more.
    Shim,
    /// A program was replaced, and an entry that accepted it may also have accepted firmware on a card.
    Others,
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
            Self::Refused(path) => write!(f, "nothing in db accepts {}: the firmware will refuse to start it", plain(path)),
            Self::Signer(path) => write!(
                f,
                "{} is signed with a certificate that is not itself in db, so it is not clear by which one the firmware accepts it",
                plain(path)
            ),
            Self::Shim => f.write_str(
                "this boot was started by shim, which measures its own keys and revocations, too: what it will measure is not known here",
            ),
            Self::Others => f.write_str(
                "what this boot started was replaced, and the log does not tell what else its certificate accepted, such as firmware on a \
                 card",
            ),
        }
    }
}

impl std::error::Error for Unpredictable {}

/// The programs that a boot started.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Started<'a> {
    /// Those that lie there as they were started.
    pub programs: &'a [Program<'a>],
    /// Whether these are all of them.
    pub complete: bool,
}

impl<'a> Measured<'a> {
    /// Returns PCR 7 in a boot with these contents. Variables that are not named keep their
    /// measured content. A variable that does not exist has an empty content.
    ///
    /// # Errors
    /// When Secure Boot is or will be off, or the log does not prove enough.
    pub fn after(&self, contents: &BTreeMap<Variable, Vec<u8>>) -> Result<Vec<u8>, Unpredictable> {
        self.next_value(contents, Started { programs: &[], complete: true }, &[])
    }

    /// Returns the same for a boot that starts the programs `after` where this one started `before`.
    ///
    /// # Errors
    /// Also when it is not clear what accepts a program.
    pub fn after_start(
        &self,
        contents: &BTreeMap<Variable, Vec<u8>>,
        before: Started<'_>,
        after: &[Program<'_>],
    ) -> Result<Vec<u8>, Unpredictable> {
        if self.is_shims() { Err(Unpredictable::Shim) } else { self.next_value(contents, before, after) }
    }

    fn next_value(
        &self,
        contents: &BTreeMap<Variable, Vec<u8>>,
        before: Started<'_>,
        after: &[Program<'_>],
    ) -> Result<Vec<u8>, Unpredictable> {
        if !self.secure_boot() {
            return Err(Unpredictable::Off);
        }
        let is = |variable, wanted: &[u8]| contents.get(&variable).is_none_or(|content| content == wanted);
        if !is(Variable::SecureBoot, ON) || contents.get(&Variable::Pk).is_some_and(Vec::is_empty) {
            return Err(Unpredictable::WillBeOff);
        }
        let mut authorities = self.authorities(contents, before, after)?.into_iter();
        let mut digests: Vec<Vec<u8>> = Vec::new();
        for event in self.events() {
            match self.of_variable(event) {
                Some(found) => digests.push(self.next(&found, contents.get(&found.variable))?),
                None if event.kind == AUTHORITY => digests.extend(authorities.next().unwrap_or_default()),
                None => digests.push(self.digest(event).to_vec()),
            }
        }
        digests.extend(authorities.flatten());
        Ok(replay(self.bank, digests.iter().map(Vec::as_slice)))
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
}

#[cfg(test)]
mod tests;

//! Reads what the firmware measures of Secure Boot into PCR 7. It reads the firmware's event log,
//! predicts the register after a staged change of keys, and judges whether an earlier value was as
//! trustworthy as the present one.
//!
//! The log itself is not trusted. Its digests are valid if they lead to the value that the TPM has,
//! and its data is valid if it has the digest.

mod authorities;
pub mod credential;
mod database;
mod log;
mod predict;
pub(crate) mod program;
mod reader;
#[cfg(test)]
pub(crate) mod samples;
pub mod secure_boot;
mod signer;
pub mod smbios;
mod trust;
mod variable;

pub use database::{DatabaseError, Entry, append, entries, payload};
pub(crate) use log::{Event, digest_of, replay};
pub use log::{Log, LogError};
pub use predict::{Program, Started, Unpredictable};
pub use trust::{Claim, Distrust};
pub(crate) use variable::of_boot_manager;
pub use variable::{Variable, boot_manager_name};

use variable::Form;

use crate::token::Bank;

/// The register of the Secure Boot state, and of the certificates that verified what was started.
pub const PCR: u8 = 7;

/// `EV_EFI_VARIABLE_DRIVER_CONFIG`: the content of a variable.
const VARIABLE: u32 = 0x8000_0001;
/// `EV_EFI_VARIABLE_AUTHORITY`: the entry of a database that verified something.
const AUTHORITY: u32 = 0x8000_00e0;
/// The content of `SecureBoot` if signatures are checked.
const ON: &[u8] = &[1];

/// A log whose digests were compared with the register.
#[derive(Clone, Copy, Debug)]
pub struct Measured<'a> {
    log: &'a Log,
    bank: Bank,
}

/// A variable's event. `form` is set if its digest confirms its content.
struct OfVariable<'a> {
    event: &'a Event,
    variable: Variable,
    content: &'a [u8],
    form: Option<Form>,
}

impl<'a> Measured<'a> {
    /// Returns whether signatures were checked in this boot.
    #[must_use]
    pub fn secure_boot(&self) -> bool {
        let mut events = self.of(Variable::SecureBoot).peekable();
        events.peek().is_some() && events.all(|one| one.form.is_some() && one.content == ON)
    }

    /// Returns what a variable held when it was measured, if the log proves it.
    #[must_use]
    pub fn content(&self, variable: Variable) -> Option<&'a [u8]> {
        let mut events = self.of(variable);
        match (events.next(), events.next()) {
            (Some(only), None) if only.form.is_some() => Some(only.content),
            _ => None,
        }
    }

    fn of(&self, variable: Variable) -> impl Iterator<Item = OfVariable<'a>> + use<'a> {
        let measured = *self;
        self.events()
            .filter_map(move |event| measured.of_variable(event).filter(|found| found.variable == variable))
    }

    fn events(&self) -> impl Iterator<Item = &'a Event> + use<'a> {
        self.log.of(PCR)
    }

    fn of_variable(&self, event: &'a Event) -> Option<OfVariable<'a>> {
        let (variable, content) = Variable::of_structure(&event.data).filter(|_| event.kind == VARIABLE)?;
        let form = Form::of(variable, content, self.bank, self.digest(event));
        Some(OfVariable { event, variable, content, form })
    }

    /// Returns the event's digest. [`Log::check`] made sure that each event has one.
    fn digest(&self, event: &'a Event) -> &'a [u8] {
        event.digest(self.bank).unwrap_or_default()
    }
}

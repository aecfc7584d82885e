//! Opens an existing volume, with the TPM or with a person's key. Overwrites nothing in it.
//!
//! [`pattern::volume::admission`] decides whether a volume may be used once its key is known.

mod person;
mod prove;
mod token;

use std::path::Path;

use anyhow::{Error, Result, bail};
use pattern::config::Config;
use pattern::token::ahead::Ahead;
use pattern::token::{Srk, Tpm2Token};
use pattern::volume::admission::{Giver, Next, without_tpm};
use pattern::volume::{Header, Locks, is_for_people};
use pattern_machine::boot::Boot;
use pattern_machine::people::ask;
use pattern_machine::tpm_device;
use zeroize::Zeroizing;

use super::site::Site;
use crate::context::Context;
use crate::stage::Report;
use crate::tpm::measure;
use crate::volume::luks::{self, Volume, VolumeKey};
use crate::volume::means::Means;
use crate::volume::place::{NAME, recognised};
use crate::volume::request::Request;
use crate::volume::{ahead, directories, repair};
use token::{by_any_token, with_pin};

/// What opened a volume.
pub(super) struct Opened {
    pub(super) key: VolumeKey,
    pub(super) giver: Giver,
    /// How it was opened, in words.
    how: String,
    /// The PIN that was entered, if one was.
    pub(super) pin: Option<Zeroizing<String>>,
    /// The remaining slots for announced changes, or `None` if the slot that opened the volume is
    /// the only way to open it.
    pub(super) slots: Option<Vec<Ahead>>,
}

/// A volume that is to be opened, and what this boot has to open it.
struct Opening<'a> {
    device: &'a Path,
    header: &'a Header,
    locks: &'a Locks,
    config: &'a Config,
    boot: &'a Boot,
    /// If the kernel image brought files that are not valid, only a person can open the volume.
    means: Result<Means<'a>, &'a Error>,
}

/// A key that the TPM gave.
struct Given<'a> {
    key: VolumeKey,
    pin: Option<Zeroizing<String>>,
    by: By<'a>,
}

/// What the TPM gave a key for.
enum By<'a> {
    Token(&'a Tpm2Token),
    /// The slot for an announced change of firmware keys, see [`ahead`].
    Announced(Box<Ahead>),
}

impl By<'_> {
    fn giver(&self) -> Giver {
        match self {
            Self::Token(_) => Giver::Token,
            Self::Announced(_) => Giver::Announced,
        }
    }

    fn srk(&self) -> &Srk {
        match self {
            Self::Token(token) => &token.srk,
            Self::Announced(slot) => &slot.srk,
        }
    }
}

/// A volume that is open and has all directories.
pub(super) struct InUse {
    pub(super) uuid: String,
    /// What was found, in words.
    found: String,
    pub(super) has_pin: bool,
    pub(super) opened: Opened,
    /// Where it is mounted.
    pub(super) root: &'static Path,
    /// The directories that were made.
    made: Vec<String>,
    /// What the boot before left to do.
    pub(super) requests: Vec<Request>,
}

impl InUse {
    pub(super) fn made(&self, directory: &str) -> bool {
        self.made.iter().any(|name| name == directory)
    }

    pub(super) fn report(self, listed: bool) -> Report {
        let again = if listed { "" } else { ", listed it again" };
        let made =
            if self.made.is_empty() { String::new() } else { format!(", made {}", self.made.join(" and ")) };
        Report { found: self.found, decided: format!("{}{again}{made}", self.opened.how) }
    }
}

/// Opens the volume, and makes the directories that it lacks.
///
/// # Errors
/// When the partition holds something else, or neither the TPM nor a person gives a key.
pub(super) fn open(
    ctx: &Context,
    boot: &Boot,
    means: Result<Means<'_>, &Error>,
    site: &Site<'_>,
) -> Result<InUse> {
    let device = &site.device;
    let (header, locks) = recognised(device)?;
    let mut volume = Volume::vetted(device, &header)?;
    let opening = Opening { device, header: &header, locks: &locks, config: &ctx.config, boot, means };
    let opened = opening.unlock(&mut volume)?;
    // PCR 15 is extended before the volume is mapped, so nothing that reads the volume can unseal
    // its key again.
    measure::volume(&ctx.tcti, NAME, header.uuid(), opened.key.as_bytes())?;
    volume.activate(NAME, &opened.key)?;
    let root = repair::mount(ctx.config.volume.filesystem, boot.on_trial)?;
    // A torn copy is rewritten only now, after the volume was proved to be this machine's, and its
    // file system was found. Whatever was written over the copy is lost.
    if header.torn() {
        match luks::repair(device) {
            Ok(()) => {
                log::warn!("{}: a copy of the header was damaged, and is whole again", device.display())
            }
            Err(error) => log::warn!("{}: {error:#}", device.display()),
        }
    }
    let (made, requests) = directories::complete(root, &ctx.config.partitions.persist)?;
    Ok(InUse {
        uuid: header.uuid().to_owned(),
        found: site.found(&locks),
        has_pin: locks.tokens.iter().any(|token| token.pin.is_some()),
        opened,
        root,
        made,
        requests,
    })
}

impl Opening<'_> {
    fn unlock(&self, volume: &mut Volume) -> Result<Opened> {
        let (given, mut reasons) = self.ask_tpm(volume);
        if let Some(given) = given {
            match self.admit(&given) {
                (Next::Refuse(reason), _) => bail!(reason),
                (Next::Ask(reason), _) => reasons.push(reason),
                (Next::Use | Next::UseAndSettle | Next::UseAndRecord, replaced) => {
                    return Ok(self.by_tpm(given, replaced));
                }
            }
        }
        let config = self.config;
        if !self.boot.secure_boot.allows(config) {
            reasons.push(format!("{}; {}", self.boot.secure_boot, self.boot.secure_boot.advice()));
        }
        match without_tpm(&reasons, self.boot.allowed(config)) {
            Ok(reason) => self.by_person(volume, &reason),
            Err(refusal) => bail!(refusal),
        }
    }

    /// Returns the key that the TPM gives, and why it gave no other.
    fn ask_tpm(&self, volume: &mut Volume) -> (Option<Given<'_>>, Vec<String>) {
        // Whoever changed /usr chose what is missing from it. The key is not meant for such a
        // system.
        if let Some(damage) = &self.boot.damage {
            return (None, vec![damage.clone()]);
        }
        let means = match self.means {
            Ok(means) => means,
            Err(flaw) => return (None, vec![format!("{flaw:#}")]),
        };
        if is_for_people(self.locks, self.config.volume.tpm, tpm_device::signs()) {
            return (None, Vec::new());
        }
        let about = (self.device, self.header.entry().asked());
        let (given, mut reasons) = by_any_token(volume, about, self.locks, &means);
        if given.is_some() {
            return (given, reasons);
        }
        let with_pin = |unseal: ahead::Unseal<'_>| with_pin(about, ask::secret, unseal);
        let found = ahead::unlock(volume, self.header, &means, with_pin, &mut reasons);
        let given = found.map(|found| Given {
            key: found.key,
            pin: found.pin,
            by: By::Announced(found.ahead.into()),
        });
        (given, reasons)
    }

    /// Describes a volume that the TPM opened. Slots for announced changes that the next boot could
    /// not open are left out. `replaced`: whether the key that opened it was replaced.
    fn by_tpm(&self, given: Given<'_>, replaced: bool) -> Opened {
        let giver = given.by.giver();
        let (how, slots) = match given.by {
            By::Token(token) => {
                let good = |slot: &Ahead| !replaced && slot.counted == token.counted;
                ("opened it by the TPM", Some(self.header.ahead().into_iter().filter(good).collect()))
            }
            By::Announced(_) if self.boot.added => (
                "opened it by the TPM, with the addition to the kernel image that was announced",
                replaced.then(Vec::new),
            ),
            By::Announced(_) => (
                "opened it by the TPM, after the change of Secure Boot's keys that was announced",
                replaced.then(Vec::new),
            ),
        };
        Opened { key: given.key, giver, how: how.to_owned(), pin: given.pin, slots }
    }
}

#[cfg(test)]
mod tests;

//! Opens an existing volume, with the TPM or with a person's key. Overwrites nothing in it.

mod announced;
mod epoch;
mod token;

use std::cell::Cell;
use std::path::Path;

use anyhow::{Context as _, Result, bail};
use pattern::config::Config;
use pattern::token::ahead::Ahead;
use pattern::token::{PublicKey, Srk};
use pattern::volume::{Header, Locks};
use zeroize::Zeroizing;

use super::create;
use crate::machine::boot::Boot;
use crate::machine::tpm::Tcti;
use crate::machine::{damage, measure, trial, uki};
use crate::people::{added, ask, show};
use crate::volume::candidate::Candidate;
use crate::volume::identity::{Proof, Registry};
use crate::volume::luks::{self, Volume, VolumeKey};
use crate::volume::place::NAME;
use crate::volume::renewal;
use crate::volume::sealing::{Sealer, is_earlier, key_before};
use token::{ByToken, by_any_token};

/// How often a person may enter a wrong key.
const TRIES: u32 = 5;

/// What opened a volume.
pub(super) struct Opened {
    pub(super) key: VolumeKey,
    /// How it was opened, in words.
    pub(super) how: String,
    /// The PIN that was entered, if one was.
    pub(super) pin: Option<Zeroizing<String>>,
    /// The remaining slots for announced changes, or `None` if the slot that opened the volume is
    /// the only way to open it.
    pub(super) slots: Option<Vec<Ahead>>,
    /// Whether the TPM gave the key.
    pub(super) by_tpm: bool,
}

/// What the steps of opening share.
struct Opening<'a> {
    device: &'a Path,
    header: &'a Header,
    locks: &'a Locks,
    config: &'a Config,
    boot: Boot,
    uuid: String,
    /// Whether the key that opened the volume was replaced in this boot.
    replaced: Cell<bool>,
}

/// Opens the volume with a vetted header.
///
/// # Errors
/// When neither the TPM nor a person gives a key.
pub(super) fn open(
    device: &Path,
    header: &Header,
    locks: &Locks,
    config: &Config,
    boot: Boot,
) -> Result<Opened> {
    let mut volume = Volume::vetted(device, header)?;
    measure::enter()?;
    let uuid = volume.uuid()?;
    let opening = Opening { device, header, locks, config, boot, uuid, replaced: Cell::new(false) };
    let opened = opening.unlock(&mut volume)?;
    // PCR 15 is extended before the volume is mapped, so nothing that reads the volume can unseal
    // its key again.
    measure::volume(NAME, &opening.uuid, opened.key.as_bytes())?;
    volume.activate(NAME, &opened.key)?;
    // A torn copy is rewritten only now, after the volume was proved to be this machine's.
    if header.torn() {
        let repaired = luks::repair(device);
        repaired.unwrap_or_else(|error| log::warn!("{}: {error:#}", device.display()));
    }
    Ok(opened)
}

impl Opening<'_> {
    fn unlock(&self, volume: &mut Volume) -> Result<Opened> {
        // Whoever changed /usr chose what is missing from it. The key is not meant for such a
        // system.
        let (found, mut reasons) = match damage::degraded() {
            Some(damage) => (None, vec![damage]),
            None => by_any_token(volume, self, &Tcti::default()),
        };
        if let Some(found) = found {
            match self.prove(&found) {
                Ok(Proof::Given | Proof::Earlier) => {
                    return Ok(self.by_tpm(found));
                }
                Ok(Proof::Against(reason)) => bail!(reason),
                Ok(Proof::Missing(reason)) => reasons.push(reason.to_owned()),
                Err(error) => reasons.push(format!("{error:#}")),
            }
        } else if damage::degraded().is_none()
            && let Some(opened) = self.by_announced_change(volume, &mut reasons)?
        {
            return Ok(opened);
        }
        if !self.boot.secure_boot.allows(self.config) {
            reasons.push(format!("{}; {}", self.boot.secure_boot, self.boot.secure_boot.advice()));
        }
        let reason = reasons.join("; ");
        if trial::running() {
            bail!(
                "the TPM does not open it: {reason}; this version is on trial, so nobody is asked for the recovery key"
            );
        }
        self.by_owner(volume, &reason)
    }

    /// Opens the volume with a person's key. What was added to this boot is shown first.
    fn by_owner(&self, volume: &mut Volume, reason: &str) -> Result<Opened> {
        log::error!("the TPM does not open {}: {reason}; enter the recovery key", self.device.display());
        if self.boot.added {
            let lines = added::describe();
            lines.iter().for_each(|line| log::error!("{line}"));
            show::tell(&lines).unwrap_or_else(|error| log::warn!("{error:#}"));
        }
        let key = by_person(volume, self.device, reason)?;
        self.vouched_for(&key)?;
        match self.boot {
            Boot { added: true, .. } => {
                log::warn!("the volume is open for what was added to this boot; nothing was recorded")
            }
            Boot { degraded: true, .. } => {
                log::warn!("the volume is open for a /usr that is damaged; nothing was recorded")
            }
            boot if boot.may_record(self.config) => {
                log::warn!("to bind the volume to the TPM again, run: pattern rebind")
            }
            boot => log::warn!("{}; nothing was recorded", boot.secure_boot),
        }
        let how = format!("opened it with an entered key, because the TPM did not open it ({reason})");
        Ok(Opened { key, how, pin: None, slots: Some(self.header.ahead()), by_tpm: false })
    }

    /// Describes a volume that the TPM opened. Slots for announced changes that the next boot could
    /// not open are left out.
    fn by_tpm(&self, found: ByToken<'_>) -> Opened {
        let good = |slot: &Ahead| !self.replaced.get() && slot.counted == found.token.counted;
        let slots = self.header.ahead().into_iter().filter(good).collect();
        let how = "opened it by the TPM".to_owned();
        Opened { key: found.key, how, pin: found.pin, slots: Some(slots), by_tpm: true }
    }

    /// Returns whether a volume that the TPM opened is the machine's. If so, brings the TPM's
    /// record and the header up to date.
    fn prove(&self, found: &ByToken<'_>) -> Result<Proof> {
        let candidate = self.candidate(&found.key);
        let proof = self.with_registry(Some(&found.token.srk), |registry| {
            let proof = registry.prove(&candidate, self.header)?;
            if let Proof::Given | Proof::Earlier = proof {
                let settled = self.settle(registry, found, &proof);
                settled.unwrap_or_else(|error| {
                    log::warn!(
                        "{}: bringing key slots and the TPM's record up to date: {error:#}",
                        self.device.display()
                    )
                });
            }
            Ok(proof)
        })?;
        let (image, signatures) = (uki::key()?, uki::signatures()?);
        match (&proof, key_before(found.token, image.as_ref(), signatures.as_ref())) {
            (Proof::Missing(_), Some(before)) => self.prove_by_key_before(found, before),
            _ => Ok(proof),
        }
    }

    /// Checks a volume that was opened with a person's key. If the TPM can't tell whether the
    /// volume is the machine's, the key is enough.
    fn vouched_for(&self, key: &VolumeKey) -> Result<()> {
        let candidate = self.candidate(key);
        let proof = self.with_registry(None, |registry| {
            let proof = registry.prove(&candidate, self.header)?;
            if let Proof::Missing(_) = proof {
                registry.finish(&candidate)?;
            }
            Ok(proof)
        });
        match proof {
            Ok(Proof::Against(reason)) => bail!(reason),
            Ok(_) => {}
            Err(error) => log::warn!("{error:#}"),
        }
        Ok(())
    }

    /// Completes what a cut left of the volume's making, and binds what an earlier version of
    /// pattern made as this version does. After each step the next boot opens the volume without a
    /// person, and goes on from there. Does nothing during a trial, because the version before
    /// would no longer recognise the volume.
    fn settle(&self, registry: &Registry<'_>, found: &ByToken<'_>, proof: &Proof) -> Result<()> {
        if trial::running() || !self.boot.may_record(self.config) {
            return Ok(());
        }
        let (tcti, image, signatures) = (Tcti::default(), uki::key()?, uki::signatures()?);
        let sealer =
            Sealer { tcti: &tcti, config: self.config, image: image.as_ref(), pin: found.pin.as_deref() };
        let tokens = &self.locks.tokens[..];
        let due = renewal::is_due(&sealer, tokens, found.token, signatures.as_ref());
        let candidate = self.candidate(&found.key);
        if self.header.is_unfinished() {
            create::finish(registry, &candidate)?;
        } else if tokens.iter().any(|token| is_earlier(token, self.config)) || *proof == Proof::Earlier {
            registry.finish(&candidate)?;
        }
        if due {
            let renewed = renewal::renew(&sealer, &candidate, (tokens, found.token), signatures.as_ref())?;
            self.replaced.set(true);
            log::info!("bound the volume as this version does: {renewed}");
        }
        Ok(())
    }

    /// Acts with the records as this image can meet them.
    fn with_registry(
        &self,
        srk: Option<&Srk>,
        act: impl FnOnce(&Registry<'_>) -> Result<Proof>,
    ) -> Result<Proof> {
        self.with_registry_of(uki::key()?, srk, act)
    }

    /// Does the same with another key that signed for this image. Without a TPM nothing is known.
    fn with_registry_of(
        &self,
        key: Option<PublicKey>,
        srk: Option<&Srk>,
        act: impl FnOnce(&Registry<'_>) -> Result<Proof>,
    ) -> Result<Proof> {
        if !measure::has_tpm() {
            return Ok(Proof::Missing("there is no TPM that could tell whether this machine made it"));
        }
        let (tcti, signatures) = (Tcti::default(), uki::signatures()?);
        let images = (key, signatures.as_ref());
        let answer =
            Registry::open(self.config, self.boot, &tcti, images, srk).and_then(|registry| act(&registry));
        answer.context("asking the TPM whether this machine made the volume")
    }

    fn candidate<'a>(&'a self, key: &'a VolumeKey) -> Candidate<'a> {
        Candidate { device: self.device, uuid: &self.uuid, key }
    }
}

fn by_person(volume: &mut Volume, device: &Path, reason: &str) -> Result<VolumeKey> {
    let device = device.display();
    for left in (0..TRIES).rev() {
        let question = format!("The TPM does not open {device}: {reason}. Recovery key for {device}:");
        let entered = ask::secret(&question)?;
        match volume.unlock_entered(&entered) {
            Ok(key) => return Ok(key),
            Err(error) => log::error!("{device}: {error:#}; {left} tries left"),
        }
    }
    bail!(
        "no key that opens the volume was entered in {TRIES} tries; nothing was changed; restart to try again"
    )
}

#[cfg(test)]
mod tests;

//! Announced changes of firmware keys: makes, uses and retires the slot for them.
//!
//! [`pattern::token::ahead`] describes the slot. The owner announces a change before the restart.
//!
//! The initrd makes the slot, and leaves the key that signs for it inside the volume. The running
//! system signs what the next boot will find. A boot that used the slot binds the volume as usual
//! and makes a new slot with a new key. What was signed before is worthless from then on. Each step
//! is one write of the header, and after each step the volume opens without a person.

pub(crate) mod key;
pub(crate) mod staged;

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context as _, Result};
use pattern::firmware::PCR;
use pattern::firmware::secure_boot::State;
use pattern::record::nv::Index;
use pattern::sealing::binding::{has, of_the_key};
use pattern::token::ahead::{Ahead, Announced};
use pattern::token::{Bank, Binding, Counted, Digest, Exposed, Pcrs, PublicKey, Tpm2Token};
use pattern::volume::Header;
use pattern_machine::{firmware, random, registers, tpm_device};
use zeroize::Zeroizing;

use crate::tpm::{self, NewPin, Presented, Tpm, TpmError};
use crate::volume::candidate::Candidate;
use crate::volume::luks::{Volume, VolumeKey};
use crate::volume::means::Means;
use crate::volume::sealing::{Sealer, is_outdated_text, tpm2};

/// A slot that gave the volume's key, and the PIN that it asked for.
pub(crate) struct Found {
    pub(crate) key: VolumeKey,
    pub(crate) ahead: Ahead,
    pub(crate) pin: Option<Zeroizing<String>>,
}

/// Returns the secret for a PIN.
pub(crate) type Unseal<'a> = &'a dyn Fn(&str) -> tpm::Result<Zeroizing<Vec<u8>>>;

/// Opens the volume by an announced change. Where a change was announced and does not open it, adds
/// the reason to `reasons`.
pub(crate) fn unlock(
    volume: &mut Volume,
    header: &Header,
    means: &Means<'_>,
    with_pin: impl Fn(Unseal<'_>) -> Result<(Zeroizing<Vec<u8>>, Zeroizing<String>)>,
    reasons: &mut Vec<String>,
) -> Option<Found> {
    for ahead in header.ahead().iter().flat_map(|ahead| meant(ahead, means.image)) {
        let opened = attempt(volume, &ahead, means, &with_pin);
        match opened.context("the slot for an announced change") {
            Ok((key, pin)) => return Some(Found { key, ahead, pin }),
            Err(error) => reasons.push(format!("{error:#}")),
        }
    }
    None
}

/// Returns the slot once for each announcement that this boot is, or else with the last one.
fn meant(ahead: &Ahead, image: Option<&PublicKey>) -> Vec<Ahead> {
    let alone = |one: &Announced| Ahead { announced: Some(one.clone()), kept: None, ..ahead.clone() };
    let is_this = |one: &&Announced| one.is_of(image, ahead.bank, |pcr| registers::value(ahead.bank, pcr));
    let found: Vec<_> = ahead.announcements().filter(is_this).map(alone).collect();
    if found.is_empty() { ahead.announced.iter().map(alone).collect() } else { found }
}

fn attempt(
    volume: &mut Volume,
    ahead: &Ahead,
    means: &Means<'_>,
    with_pin: &impl Fn(Unseal<'_>) -> Result<(Zeroizing<Vec<u8>>, Zeroizing<String>)>,
) -> Result<(VolumeKey, Option<Zeroizing<String>>)> {
    let Means { tcti, image, signatures, .. } = *means;
    let unseal = |pin: Option<&str>| Tpm::unseal_ahead(tcti, ahead, image, Presented { signatures, pin });
    let (secret, pin) = match unseal(None) {
        Err(TpmError::NoPin) => {
            let (secret, pin) = with_pin(&|pin| unseal(Some(pin)))?;
            (secret, Some(pin))
        }
        answer => (answer?, None),
    };
    Ok((volume.unlock_ahead(ahead, &secret)?, pin))
}

/// Returns the value of PCR 7 before the change. Records from boots with that value can be trusted
/// if Secure Boot was on then and `db` has lost no entry since.
///
/// # Errors
/// When that is not proved.
pub(crate) fn earlier(ahead: &Ahead) -> Result<Vec<u8>> {
    let announced = ahead.announced.as_ref().context("nothing was announced")?;
    let (log, value) = (firmware::log()?, firmware::value(ahead.bank)?);
    log.check(ahead.bank, &value)?.trusts_earlier(&announced.earlier)?;
    Ok(announced.earlier.value.clone())
}

/// Binds the volume as usual after a boot that used the slot, replaces what was bound before the
/// change, and removes the slot. The next step makes a new slot. Returns what was done, in words.
///
/// # Errors
/// When the TPM fails, or the header can't be written. Until the new token is in place, the slot stays.
pub(crate) fn retire(sealer: &Sealer<'_>, volume: &Candidate<'_>, ahead: &Ahead) -> Result<String> {
    let Means { config, image, .. } = sealer.means;
    let old = |text: &str| {
        let ours = |token: Tpm2Token| has(&token, &of_the_key(config, image, token.bank));
        tpm2(text).is_some_and(ours) || is_outdated_text(text, &sealer.means)
    };
    let counted = config.volume.counter || ahead.counted.is_some();
    let (keyslot, removed) = sealer.replace(volume, counted, |binding| binding, old)?;
    Volume::load(volume.device)?.remove_ahead()?;
    Ok(format!("keyslot {keyslot} is new, older TPM slots removed: {removed}"))
}

/// Calls [`prepare`]. Logs a failure and goes on: the boot does not depend on the slot.
pub(crate) fn tend(sealer: &Sealer<'_>, volume: &Candidate<'_>, slots: &[Ahead], root: &Path) {
    match prepare(sealer, volume, slots, root) {
        Ok(false) => {}
        Ok(true) => log::info!("made a slot for announced changes of Secure Boot's keys"),
        Err(error) => log::warn!("making the slot for announced changes: {error:#}"),
    }
}

/// Makes the slot if there is none, or if the announced change is already in effect and the volume
/// opened without the slot. A volume with a PIN needs the PIN. Returns whether the slot was made.
///
/// # Errors
/// When the TPM fails, or the volume can't be written to.
fn prepare(
    &Sealer { ref means, pin }: &Sealer<'_>,
    volume: &Candidate<'_>,
    slots: &[Ahead],
    root: &Path,
) -> Result<bool> {
    let missing = slots.is_empty() || slots.iter().any(|slot| is_true(slot, means));
    let unasked = means.config.volume.pin && pin.is_none();
    if !missing || unasked || !wanted(means) {
        return Ok(false);
    }
    let bank = bank();
    let auth = random::secret()?;
    let approver = means.tcti.ask(|tpm| tpm.make_approver(auth.clone()))?;
    let secret = random::secret()?;
    let pin =
        pin.map(|text| Ok::<_, anyhow::Error>(NewPin { text, salt: *random::secret()? })).transpose()?;
    let counter = Index::revocation(volume.uuid);
    // A slot sealed to the count ends, too, when the volume's sealed key is replaced.
    let counted =
        means.tcti.ask(|tpm| tpm.key_count(&counter))?.map(|count| Counted { handle: counter.handle, count });
    let ahead = means.tcti.ask(|tpm| tpm.seal_ahead(&secret, &approver, (bank, counted), pin.as_ref()))?;
    // The key comes before the slot. A cut in between leaves an old slot whose key is gone, which
    // `pattern rebind` replaces.
    key::write(root, &approver)?;
    Volume::load(volume.device)?.replace_ahead(volume.key, ahead, &*secret)?;
    Ok(true)
}

/// Returns whether this boot should make a slot. Only a volume bound to PCR 7 needs one, and only a
/// boot in which PCR 7 protects something may make it.
fn wanted(means: &Means<'_>) -> bool {
    let Means { config, boot, image, .. } = *means;
    let kept = of_the_key(config, image, Bank::Sha256).kept;
    let bound = kept.is_some_and(|pcrs| pcrs.iter().any(|pcr| pcr == PCR));
    bound && tpm_device::exists() && boot.secure_boot == State::On && means.may_record() && !boot.on_trial
}

/// Returns whether this boot is the announced one.
fn is_true(ahead: &Ahead, means: &Means<'_>) -> bool {
    let policy = policy(&of_the_key(means.config, means.image, ahead.bank), &BTreeMap::new());
    policy.is_ok_and(|policy| ahead.announcements().any(|announced| policy == announced.policy))
}

/// Returns the policy of an ordinary token in a boot with these registers. All others keep their present values.
pub(crate) fn policy(binding: &Binding, next: &BTreeMap<u8, Vec<u8>>) -> Result<Digest, Exposed> {
    let read = |pcrs: Pcrs, bank: Bank| {
        let value = |pcr| next.get(&pcr).cloned().or_else(|| registers::value(bank, pcr));
        pcrs.iter().map(value).collect::<Option<Vec<_>>>().ok_or(Exposed::NoBank(bank))
    };
    binding.policy(false, read)
}

/// Returns the bank to use: SHA-256, unless the firmware measured nothing in it.
fn bank() -> Bank {
    let used = |bank: &Bank| registers::value(*bank, PCR).is_some_and(|value| value != bank.zeros());
    [Bank::Sha256, Bank::Sha384].into_iter().find(used).unwrap_or(Bank::Sha256)
}

#[cfg(test)]
mod tests;

//! Opening a volume that is there: by the TPM, else by a person. Nothing in it is overwritten.

use std::path::Path;

use anyhow::{Result, bail};
use pattern::config::Config;
use pattern::token::Tpm2Token;
use pattern::volume::Locks;

use super::filesystem::{self, Mounted};
use super::{DEVICE, NAME, WORK, ask};
use crate::luks::{Volume, VolumeKey};
use crate::tpm::{Tcti, Tpm};
use crate::trial;
use crate::{latch, seed};

/// How often a person may mistype.
const TRIES: u32 = 5;

/// Opens the volume; answers with how, in words.
///
/// # Errors
/// When neither the TPM nor a person has a key.
pub(super) fn open(device: &Path, locks: &Locks, config: &Config) -> Result<String> {
    let mut volume = Volume::load(device)?;
    let mut tpm = if latch::has_tpm() { Some(Tpm::connect(&Tcti::default())?) } else { None };
    let (key, how) = unlock(&mut volume, tpm.as_mut(), device, locks, config)?;
    if let Some(tpm) = &mut tpm {
        latch::volume(tpm, NAME, &volume.uuid()?, key.as_bytes())?;
    }
    volume.activate(NAME, &key)?;
    Ok(how)
}

/// The volume's key, and whom it came from, in words.
fn unlock(
    volume: &mut Volume,
    mut tpm: Option<&mut Tpm>,
    device: &Path,
    locks: &Locks,
    config: &Config,
) -> Result<(VolumeKey, String)> {
    let mut reasons: Vec<String> = locks.unusable.clone();
    for token in &locks.tokens {
        match by_tpm(volume, tpm.as_deref_mut(), token) {
            Ok(key) => return Ok((key, "opened it by the TPM".to_owned())),
            Err(error) => reasons.push(format!("{error:#}")),
        }
    }
    if reasons.is_empty() {
        reasons.push("it has no TPM token".to_owned());
    }
    let reason = reasons.join("; ");
    if trial::running() {
        bail!(
            "the TPM does not open it: {reason}; this version is on trial, so nobody is asked for the recovery key"
        );
    }
    log::error!("the TPM does not open {}: {reason}; enter the recovery key", device.display());
    let key = by_person(volume, device, &reason)?;
    log::warn!("to bind {0} to the TPM again: {1}", device.display(), enroll(device, config));
    Ok((key, format!("opened it by an entered key, as the TPM did not ({reason})")))
}

fn by_tpm(volume: &mut Volume, tpm: Option<&mut Tpm>, token: &Tpm2Token) -> Result<VolumeKey> {
    let tpm = match tpm {
        Some(tpm) => tpm,
        // Says what is missing.
        None => &mut Tpm::connect(&Tcti::default())?,
    };
    latch::enter(tpm)?;
    let secret = tpm.unseal(token)?;
    volume.unlock_sealed(token, &secret)
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
    bail!("no key that opens it in {TRIES} tries; nothing was changed; restart to try again")
}

fn enroll(device: &Path, config: &Config) -> String {
    let pcrs: Vec<String> = config.volume.pcrs.iter().map(ToString::to_string).collect();
    format!(
        "systemd-cryptenroll --wipe-slot=tpm2 --tpm2-device=auto --tpm2-pcrs={} {}",
        pcrs.join("+"),
        device.display()
    )
}

/// Makes directories that the image asks for only since the volume was made; answers with their names.
///
/// # Errors
/// When the file system can't be mounted, or a directory can't be made.
pub(super) fn directories(config: &Config) -> Result<Vec<String>> {
    let asked = &config.partitions.persist;
    let (device, work) = (Path::new(DEVICE), Path::new(WORK));
    let kind = filesystem::of(device)?;
    // Read-only first: nearly every boot finds all of them, and then writes nothing.
    let mounted = Mounted::new(device, work, kind, true)?;
    let missing = seed::missing(mounted.path(), asked)?;
    mounted.unmount()?;
    if missing.is_empty() {
        return Ok(missing);
    }
    let mounted = Mounted::new(device, work, kind, false)?;
    let made = seed::ensure(mounted.path(), asked)?;
    mounted.unmount()?;
    Ok(made)
}

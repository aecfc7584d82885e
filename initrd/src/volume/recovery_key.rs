//! Makes recovery keys: a volume's first one, and new ones that replace others.

use std::path::Path;

use anyhow::{Context as _, Error, Result};
use pattern::age;
use pattern::config::Config;
use pattern::volume::recovery::{Escrow, RecoveryKey};
use pattern_machine::people::show::{self, Place};
use pattern_machine::random;

use crate::volume::luks::{Volume, VolumeKey, prove};
use crate::volume::place::recognised;
use crate::volume::request::{self, Request};

/// Draws a new key. Returns it with its escrow, if the image names recipients.
///
/// # Errors
/// When the kernel gives no random numbers.
pub(crate) fn draw(config: &Config) -> Result<(RecoveryKey, Option<Escrow>)> {
    let key = RecoveryKey::from_bytes(&*random::secret()?);
    let recipients = &config.volume.escrow;
    if recipients.is_empty() {
        return Ok((key, None));
    }
    let content = zeroize::Zeroizing::new(format!("{}\n", key.as_str()));
    let file = age::encrypt::<Error>(content.as_bytes(), recipients, random::secret);
    let file = file.context("encrypting the recovery key for volume.escrow")?;
    let recipients = recipients.iter().map(|recipient| recipient.as_str().to_owned()).collect();
    Ok((key, Some(Escrow { recipients, file })))
}

/// Makes the new key that root requested in the boot before.
///
/// # Errors
/// When the key can't be replaced or shown, or the request can't be cleared. The next boot then
/// tries again.
pub(crate) fn at_boot(config: &Config, (device, root): (&Path, &Path), key: &VolumeKey) -> Result<()> {
    let removed = replace(config, device, key, Place::Boot)?;
    log::info!("made a new recovery key, as root asked in the boot before; older ones removed: {removed}");
    if config.volume.counter {
        request::leave_in(root, Request::Sealed)?;
    }
    request::clear(root, Request::Recovery)
}

/// Replaces the recovery keys. Before the old keys are removed, the new key opens the volume and
/// was shown. Returns how many keys were removed.
pub(crate) fn replace(config: &Config, device: &Path, volume_key: &VolumeKey, place: Place) -> Result<usize> {
    let _vetted = recognised(device)?;
    let mut volume = Volume::load(device)?;
    let old = volume.recovery_slots()?;
    let (key, escrow) = draw(config)?;
    let keyslot = volume.add_recovery(Some(volume_key), &key, escrow.as_ref())?;
    let shown = prove(device, keyslot, &key, volume_key).and_then(|()| show::show(&key, device, place));
    if let Err(error) = shown {
        let new: Vec<_> =
            volume.recovery_slots()?.into_iter().filter(|slot| slot.keyslot == keyslot).collect();
        volume.remove_recovery(&new).context("removing the new recovery key again")?;
        return Err(error);
    }
    volume.remove_recovery(&old)?;
    Ok(old.len())
}

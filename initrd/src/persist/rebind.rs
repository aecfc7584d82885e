//! `pattern rebind`: seals a new key to the TPM as it is now, in place of those that it does not open any more.

use anyhow::{Context as _, Result, bail};
use pattern::config::Config;

use std::path::Path;

use super::{ask, create, extra, lockout};
use crate::luks::{Volume, VolumeKey};

/// How often a person may mistype.
const TRIES: u32 = 3;

/// Asks for the recovery key and binds the volume anew; answers with what was done.
///
/// # Errors
/// When the volume can't be read, the key is wrong, or the TPM fails. Until the new key is in place, the old ones stay.
pub(crate) fn rebind(config: &Config, device: &Path) -> Result<String> {
    let about = || format!("persist volume {}", device.display());
    let mut volume = Volume::load(device).with_context(about)?;
    let key = unlock(&mut volume, device).with_context(about)?;
    let secret = create::random()?;
    let pin = config.volume.pin.then(ask::new_pin).transpose()?;
    let token = create::seal(&secret, config, extra::key()?, pin.as_deref())?;
    let (keyslot, removed) = volume.replace_sealed(&key, token, &*secret).with_context(about)?;
    if pin.is_some()
        && let Err(error) = lockout::at_rebind()
    {
        eprintln!("pattern: {error:#}");
    }
    let device = device.display();
    Ok(format!("{device}: keyslot {keyslot} is bound to the TPM as it is now; older ones removed: {removed}"))
}

fn unlock(volume: &mut Volume, device: &Path) -> Result<VolumeKey> {
    for left in (0..TRIES).rev() {
        let entered = ask::secret(&format!("Recovery key for {}:", device.display()))?;
        match volume.unlock_entered(&entered) {
            Ok(key) => return Ok(key),
            Err(error) => eprintln!("pattern: {error:#}; {left} tries left"),
        }
    }
    bail!("no key that opens it in {TRIES} tries; nothing was changed")
}

//! Makes the volume on a machine without a TPM, if the image allows that: a passphrase opens it, which a person chooses now.
//!
//! No record in a TPM has to agree with the header. So the header says that the volume is finished before the table lists it.
//! After a cut in between, the next boot opens the volume and lists it.

use anyhow::Result;
use pattern::table::{Found, Guid};
use pattern::volume::recovery::{Escrow, RecoveryKey};
use pattern_machine::people::choose;
use pattern_machine::random;
use zeroize::Zeroizing;

use super::create;
use super::site::Site;
use crate::volume::luks::{Draft, Volume, VolumeKey};
use crate::volume::means::Means;
use crate::volume::place::{NAME, recognised};
use crate::volume::{mounts, recovery_key};

/// Makes the volume on a free extent, fills it, and then lists it in the table.
///
/// # Errors
/// The first step that fails. Without the entry, the next boot starts over.
pub(super) fn create(means: Means<'_>, site: &Site<'_>, found: &Found) -> Result<()> {
    let Means { config, .. } = means;
    create::require_a_good_boot(&means)?;
    let passphrase = choose::passphrase()?;
    let recovery = config.volume.recovery_key.then(|| recovery_key::draw(config)).transpose()?;
    let (mut volume, key) = lock(site, random::uuid()?, &passphrase, recovery.as_ref())?;
    volume.activate(NAME, &key)?;
    let filled = create::fill(config).and_then(|_| Volume::load(&site.device)?.mark_finished());
    let listed = filled.and_then(|()| create::list(site, found));
    listed.inspect_err(|_| {
        mounts::unmount();
        volume.close(NAME);
    })?;
    if let Some((key, _)) = recovery {
        create::show(&key, site);
    }
    Ok(())
}

/// Makes the header with its keys, and opens the volume as the next boots will.
fn lock(
    site: &Site<'_>,
    uuid: Guid,
    passphrase: &Zeroizing<String>,
    recovery: Option<&(RecoveryKey, Option<Escrow>)>,
) -> Result<(Volume, VolumeKey)> {
    let mut draft = Draft::new(&site.device, site.table.bytes(site.extent), uuid)?;
    draft.add_passphrase(passphrase)?;
    if let Some((key, escrow)) = recovery {
        draft.add_recovery(key, escrow.as_ref())?;
    }
    draft.write(&site.device)?;
    let (header, _) = recognised(&site.device)?;
    let mut volume = Volume::vetted(&site.device, &header)?;
    let key = volume.unlock_entered(passphrase)?;
    Ok((volume, key))
}

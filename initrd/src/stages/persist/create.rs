//! Makes the volume. The entry in the table comes last: until then, everything can be done again.

use std::fs::File;
use std::path::Path;

use anyhow::{Context as _, Result, bail};
use pattern::config::Config;
use pattern::firmware::secure_boot::warning;
use pattern::table::{Found, Guid};
use pattern::token::Tpm2Token;
use pattern::volume::recovery::{Escrow, RecoveryKey};
use pattern_machine::disk::announce_mapper;
use pattern_machine::people::{choose, show};
use pattern_machine::{random, tpm_device};

use super::site::Site;
use crate::tpm::{Presented, Tpm, measure};
use crate::volume::bound;
use crate::volume::candidate::Candidate;
use crate::volume::identity::Registry;
use crate::volume::luks::{Draft, Volume, VolumeKey};
use crate::volume::means::Means;
use crate::volume::place::{DEVICE, NAME, recognised};
use crate::volume::sealing::Sealer;
use crate::volume::{ahead, directories, filesystem, lockout, mounts, recovery_key};

/// For the first boot of an image without recovery keys, while nothing is in the volume yet.
const NO_OTHER_KEY: &str = "the persist volume has no recovery key: if the TPM does not open it, everything in it is \
    lost; to make a key, run: pattern recovery new";

/// Makes the volume on a free extent, fills it, and then lists it in the table.
///
/// # Errors
/// The first step that fails. Without the entry, the next boot starts over.
pub(super) fn create(means: Means<'_>, site: &Site<'_>, found: &Found) -> Result<()> {
    let Means { config, tcti, .. } = means;
    // Checked first: if no key may be sealed, there is nothing to make.
    require_a_good_boot(&means)?;
    let (secret, guid) = (random::secret()?, random::uuid()?);
    let uuid = guid.to_string();
    let pin = config.volume.pin.then(choose::pin).transpose()?;
    let sealer = Sealer { means, pin: pin.as_deref() };
    let registry = Registry::open(means, None)?;
    registry.forget_unfinished()?;
    if registry.has(&uuid)? {
        bail!(
            "the TPM has another record in the place of this volume's; restart: the next volume has another place"
        );
    }
    let token = sealer.seal_first(&secret, &uuid)?;
    let recovery = config.volume.recovery_key.then(|| recovery_key::draw(config)).transpose()?;
    let (mut volume, key) = lock(&sealer, site, guid, (&token, &secret), recovery.as_ref())?;
    let candidate = Candidate { device: &site.device, uuid: &uuid, key: &key };
    // Recorded as begun before the volume is used. After a power cut, the next boot removes the
    // record.
    registry.begin(&candidate)?;
    volume.activate(NAME, &key)?;
    let listed = fill(config).and_then(|root| list(site, found).map(|()| root));
    let root = listed.inspect_err(|_| {
        mounts::unmount();
        volume.close(NAME);
    })?;
    // The table lists the volume, so the next boot completes what fails here.
    let finished = finish(&registry, &candidate);
    finished.unwrap_or_else(|error| log::warn!("{}: {error:#}", site.device.display()));
    measure::volume(tcti, NAME, &uuid, key.as_bytes())?;
    if let Some((key, _)) = recovery {
        show(&key, site);
    }
    if !config.volume.recovery_key {
        log::warn!("{NO_OTHER_KEY}");
        show::tell(&[NO_OTHER_KEY.to_owned()]).unwrap_or_else(|error| log::warn!("{error:#}"));
    }
    bound::note(&uuid);
    ahead::tend(&sealer, &candidate, &[], root);
    if config.volume.pin {
        lockout::at_boot(tcti, root);
    }
    Ok(())
}

/// Shows the recovery key. The volume is complete, and another recovery key is easily made.
pub(super) fn show(key: &RecoveryKey, site: &Site<'_>) {
    show::show(key, &site.device, show::Place::Boot)
        .unwrap_or_else(|error| log::warn!("{error:#}; make another: pattern recovery new"));
}

/// Fails in a boot that must not seal anything, and warns where a seal protects little.
pub(super) fn require_a_good_boot(Means { config, boot, .. }: &Means<'_>) -> Result<()> {
    if let Some(damage) = &boot.damage {
        bail!("{damage}; no volume is made while /usr is damaged");
    }
    boot.require(config)?;
    if let Some(message) = warning(boot.secure_boot, config, tpm_device::exists()) {
        log::warn!("{message}");
    }
    Ok(())
}

/// Makes the header with its keys, and opens the volume as the next boots will. The TPM gives the
/// secret back before anything is written.
fn lock(
    sealer: &Sealer<'_>,
    site: &Site<'_>,
    uuid: Guid,
    (token, secret): (&Tpm2Token, &[u8; 32]),
    recovery: Option<&(RecoveryKey, Option<Escrow>)>,
) -> Result<(Volume, VolumeKey)> {
    let Means { tcti, signatures, .. } = sealer.means;
    let mut draft = Draft::new(&site.device, site.table.bytes(site.extent), uuid)?;
    draft.add_sealed(token, secret)?;
    if let Some((key, escrow)) = recovery {
        draft.add_recovery(key, escrow.as_ref())?;
    }
    let presented = Presented { signatures, pin: sealer.pin.map(String::as_str) };
    let unsealed = Tpm::unseal(tcti, token, presented);
    let unsealed = unsealed.context("trying the TPM before the volume is used")?;
    draft.write(&site.device)?;
    let (header, _) = recognised(&site.device)?;
    let mut volume = Volume::vetted(&site.device, &header)?;
    let key = volume.unlock_sealed(token, &unsealed)?;
    Ok((volume, key))
}

/// Records in the TPM and in the header that the volume is finished.
///
/// # Errors
/// When one of them can't be written.
pub(super) fn finish(registry: &Registry<'_>, volume: &Candidate<'_>) -> Result<()> {
    registry.finish(volume)?;
    Volume::load(volume.device)?.mark_finished()
}

/// Makes the file system and the directories, and mounts them for the system. All of it is on the
/// medium when this returns.
pub(super) fn fill(config: &Config) -> Result<&'static Path> {
    filesystem::make(config.volume.filesystem, Path::new(DEVICE))?;
    let root = mounts::mount()?;
    directories::begin(root, &config.partitions.persist)?;
    let synced = File::open(DEVICE).and_then(|file| file.sync_all());
    synced.with_context(|| format!("flushing {DEVICE}"))?;
    Ok(root)
}

pub(super) fn list(site: &Site<'_>, found: &Found) -> Result<()> {
    site.list(found)?;
    // udev saw the volume before it held a file system. It may have looked again already. The
    // volume is complete in either case.
    announce_mapper(NAME).unwrap_or_else(|error| log::warn!("{error:#}"));
    Ok(())
}

//! Recovery keys: a new one in place of the others, with the old one or at the next boot, and the word of the owner that one
//! was kept.

use std::path::Path;

use anyhow::{Context as _, Error, Result, bail};
use pattern::age;
use pattern::config::Config;
use pattern::recovery::{Escrow, RecoveryKey};

use super::filesystem::{self, Mounted};
use super::request::Request;
use super::{DEVICE, WORK, ask, create, recognised, request, show};
use crate::luks::{Volume, VolumeKey, prove};

/// How often a person may mistype.
const TRIES: u32 = 3;

/// A new key, and what of it is for others.
///
/// # Errors
/// When there is no randomness to be had.
pub(super) fn draw(config: &Config) -> Result<(RecoveryKey, Option<Escrow>)> {
    let key = RecoveryKey::from_bytes(&*create::random()?);
    let recipients = &config.volume.escrow;
    if recipients.is_empty() {
        return Ok((key, None));
    }
    let content = zeroize::Zeroizing::new(format!("{}\n", key.as_str()));
    let file = age::encrypt::<Error>(content.as_bytes(), recipients, create::random);
    let file = file.context("encrypting the recovery key for volume.escrow")?;
    let recipients = recipients.iter().map(|recipient| recipient.as_str().to_owned()).collect();
    Ok((key, Some(Escrow { recipients, file })))
}

/// `pattern recovery confirm`: marks the key that a person enters as kept; answers with what was done.
///
/// # Errors
/// When there is no recovery key, or the right one was not entered.
pub(crate) fn confirm(device: &Path) -> Result<String> {
    let about = || format!("persist volume {}", device.display());
    let (header, _) = recognised(device).with_context(about)?;
    if header.recovery_slots().is_empty() {
        bail!("{}: it has no recovery key; to make one, run: pattern recovery new", about());
    }
    let mut volume = Volume::load(device).with_context(about)?;
    let question = format!("Recovery key of {}, as you kept it:", device.display());
    let keyslot = entered(&question, |key| volume.confirm(key)).with_context(about)?;
    Ok(format!("This is the recovery key in keyslot {keyslot} of {}: confirmed.", device.display()))
}

/// `pattern recovery new`: replaces the recovery keys, by one of them; without, the next boot does it. Answers with what was
/// done.
///
/// # Errors
/// When no terminal can show the new key, or the old one was not entered. The old one opens the volume until the new one was shown.
pub(crate) fn renew(config: &Config, device: &Path) -> Result<String> {
    let about = || format!("persist volume {}", device.display());
    let _terminal = show::open(show::TERMINAL)
        .context("the recovery key is shown on a terminal, and this command was started without one")?;
    let _vetted = recognised(device).with_context(about)?;
    let mut volume = Volume::load(device).with_context(about)?;
    let question = format!("Recovery key of {} (empty if it is lost):", device.display());
    let key =
        entered(
            &question,
            |key| {
                if key.is_empty() { Ok(None) } else { volume.unlock_entered(key).map(Some) }
            },
        );
    let Some(key) = key.with_context(about)? else {
        request::leave(Request::Recovery).context("asking the next boot for a new recovery key")?;
        return Ok("The next boot makes a new recovery key, and shows it on the console. Restart soon: until then whoever \
                   starts this machine is shown the key."
            .to_owned());
    };
    // First, or a cut would leave the TPM's key as it was.
    let counted = config.volume.counter;
    if counted {
        request::leave(Request::Sealed).context("asking the next boot to replace the TPM's key, too")?;
    }
    let removed = replace(config, device, &key, show::TERMINAL).with_context(about)?;
    let next = if counted { " The next boot replaces the TPM's key, too; restart soon." } else { "" };
    Ok(format!("Older recovery keys of {} that no longer open it: {removed}.{next}", device.display()))
}

/// Does what [`renew`] left to this boot.
///
/// # Errors
/// When the key can't be replaced or shown, or the request can't be cleared. Then the next boot tries again.
pub(super) fn at_boot(config: &Config, device: &Path, key: &VolumeKey) -> Result<()> {
    let removed = replace(config, device, key, show::CONSOLE)?;
    log::info!("made a new recovery key, as root asked in the boot before; older ones removed: {removed}");
    let opened = Path::new(DEVICE);
    let mounted = Mounted::new(opened, Path::new(WORK), filesystem::of(opened)?, false)?;
    if config.volume.counter {
        request::leave_in(mounted.path(), Request::Sealed)?;
    }
    request::clear(mounted.path(), Request::Recovery)?;
    mounted.unmount()
}

/// The new key opens the volume, and was shown, before the old ones go; answers with how many went.
fn replace(config: &Config, device: &Path, volume_key: &VolumeKey, terminal: &str) -> Result<usize> {
    let _vetted = recognised(device)?;
    let mut volume = Volume::load(device)?;
    let old = volume.recovery_slots()?;
    let (key, escrow) = draw(config)?;
    let keyslot = volume.add_recovery(Some(volume_key), &key, escrow.as_ref())?;
    let shown = prove(device, keyslot, &key, volume_key).and_then(|()| show::show(&key, device, terminal));
    if let Err(error) = shown {
        let new: Vec<_> =
            volume.recovery_slots()?.into_iter().filter(|slot| slot.keyslot == keyslot).collect();
        volume.remove_recovery(&new).context("removing the new recovery key again")?;
        return Err(error);
    }
    volume.remove_recovery(&old)?;
    Ok(old.len())
}

/// Asks until what was entered is good for something.
pub(super) fn entered<T>(question: &str, mut attempt: impl FnMut(&str) -> Result<T>) -> Result<T> {
    for left in (0..TRIES).rev() {
        let entered = ask::secret(question)?;
        match attempt(&entered) {
            Ok(done) => return Ok(done),
            Err(error) => eprintln!("pattern: {error:#}; {left} tries left"),
        }
    }
    bail!("no recovery key of it in {TRIES} tries; nothing was changed")
}

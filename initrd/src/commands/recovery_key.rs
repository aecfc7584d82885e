//! Confirms recovery keys, and replaces them: now with the old key, or at the next boot without it.

use std::path::Path;

use anyhow::{Context as _, Result, bail};
use pattern::config::Config;
use pattern_machine::people::{ask, show};

use crate::volume::luks::Volume;
use crate::volume::place::recognised;
use crate::volume::recovery_key;
use crate::volume::request::{self, Request};

/// `pattern recovery confirm`: marks the key that a person enters as confirmed. Returns what was
/// done.
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
    let keyslot = ask::entered(&question, |key| volume.confirm(key)).with_context(about)?;
    Ok(format!("This is the recovery key in keyslot {keyslot} of {}: confirmed.", device.display()))
}

/// `pattern recovery new`: replaces the recovery keys if one of them is entered. Otherwise the next
/// boot replaces them. Returns what was done.
///
/// # Errors
/// When no terminal can show the new key, or the old one was not entered. The old key opens the
/// volume until the new one was shown.
pub(crate) fn renew(config: &Config, device: &Path) -> Result<String> {
    let about = || format!("persist volume {}", device.display());
    let _terminal = show::open_terminal()
        .context("the recovery key is shown on a terminal, and this command was started without one")?;
    let (header, _) = recognised(device).with_context(about)?;
    let mut volume = Volume::load(device).with_context(about)?;
    let asked = header.entry().asked().unwrap_or("Recovery key");
    let question = format!("{asked} of {} (empty if it is lost):", device.display());
    let key =
        ask::entered(
            &question,
            |key| {
                if key.is_empty() { Ok(None) } else { volume.unlock_entered(key).map(Some) }
            },
        );
    let Some(key) = key.with_context(about)? else {
        request::leave(Request::Recovery).context("asking the next boot for a new recovery key")?;
        return Ok("The next boot makes a new recovery key, and shows it on the console. Restart soon: until then anyone who starts this machine sees the key."
            .to_owned());
    };
    // The request comes first, or a cut after the replacement would leave the TPM's old key valid.
    let counted = config.volume.counter;
    if counted {
        request::leave(Request::Sealed).context("asking the next boot to replace the TPM's key, too")?;
    }
    let removed = recovery_key::replace(config, device, &key, show::Place::Terminal).with_context(about)?;
    let next = if counted { " The next boot replaces the TPM's key, too; restart soon." } else { "" };
    Ok(format!("Older recovery keys of {} that no longer open it: {removed}.{next}", device.display()))
}

//! `pattern rebind`: seals a new key to the TPM as it is now, and replaces those that the TPM no
//! longer opens.

use std::path::Path;

use anyhow::{Context as _, Result, bail};
use pattern::sealing::binding::with_additions;
use pattern_machine::boot::Boot;
use pattern_machine::output;
use pattern_machine::people::{added, ask, choose};
use pattern_machine::uki::Companions;

use crate::context::Context;
use crate::volume::bound;
use crate::volume::candidate::Candidate;
use crate::volume::luks::Volume;
use crate::volume::means::Means;
use crate::volume::place::{self, recognised, require_open};
use crate::volume::sealing::Sealer;
use crate::volume::{ahead, lockout};

/// The word that a person types to bind the volume to what was added.
const WORD: &str = "accept";

/// Asks for the recovery key and binds the volume to the TPM again. Returns what was done.
///
/// # Errors
/// When this boot is not one to bind to, the volume can't be read, the key is wrong, or the TPM
/// fails. Until the new key is in place, the old ones stay.
pub(crate) fn rebind(ctx: &Context, device: &Path) -> Result<String> {
    let config = &ctx.config;
    let about = || format!("persist volume {}", device.display());
    let boot = Boot::look(config)?;
    if boot.added {
        accept()?;
    }
    Boot { added: false, ..boot.clone() }.require(config)?;
    let (header, locks) = recognised(device).with_context(about)?;
    require_open(header.uuid()).with_context(about)?;
    let mut volume = Volume::load(device).with_context(about)?;
    let Some(asked) = header.entry().asked() else {
        bail!(
            "{}: the volume has no recovery key and no passphrase, so nobody can show that they own it; make a recovery key \
             first: pattern recovery new",
            about()
        );
    };
    let question = format!("{asked} for {}:", device.display());
    let key = ask::entered(&question, |key| volume.unlock_entered(key)).with_context(about)?;
    drop(volume);
    if !config.volume.pin && locks.tokens.iter().any(|token| token.pin.is_some()) {
        output::message(
            "pattern: this image has volume.pin = false: from now on the volume opens without a PIN",
        );
    }
    let pin = config.volume.pin.then(choose::pin).transpose()?;
    let adapt = |binding| if boot.added { with_additions(binding) } else { binding };
    let brought = Companions::read()?;
    let sealer = Sealer { means: Means::new(config, &boot, &ctx.tcti, &brought), pin: pin.as_deref() };
    let candidate = Candidate { device, uuid: header.uuid(), key: &key };
    let replaced = sealer.replace(&candidate, config.volume.counter, adapt, |_| true);
    let (keyslot, removed) = replaced.with_context(about)?;
    bound::note(header.uuid());
    Volume::load(device).and_then(|mut volume| volume.remove_ahead()).with_context(about)?;
    match place::mounted() {
        Ok(root) => ahead::tend(&sealer, &candidate, &[], root),
        Err(error) => {
            output::message(&format!("pattern: making the slot for announced changes: {error:#}"));
        }
    }
    if pin.is_some()
        && let Err(error) = lockout::at_rebind(&ctx.tcti)
    {
        output::message(&format!("pattern: looking after the TPM's lockout password: {error:#}"));
    }
    let device = device.display();
    Ok(format!("{device}: keyslot {keyslot} is bound to the TPM as it is now; older ones removed: {removed}"))
}

/// Shows the additions that the volume would open for from now on, and asks for a word.
fn accept() -> Result<()> {
    added::describe().iter().for_each(|line| output::message(line));
    let question =
        format!("To have the volume open by itself with this, and with nothing else, type {WORD}:");
    if ask::word(&question, ask::PATIENCE).is_some_and(|answer| answer.trim() == WORD) {
        return Ok(());
    }
    bail!(
        "nobody typed {WORD:?}; nothing was changed; restart without what was added, then run: pattern rebind"
    )
}

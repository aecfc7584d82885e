//! Removes a key slot that none of our commands made, with a key that stays.

use std::path::Path;

use anyhow::{Context as _, Result, bail};
use pattern_machine::people::ask;

use crate::volume::luks::Volume;
use crate::volume::place::recognised;

/// `pattern recovery wipe-slot`: removes a key slot that belongs neither to the TPM nor to a
/// recovery key. Returns what was done.
///
/// # Errors
/// When the slot belongs to one of these, or no key of another slot is entered.
pub(crate) fn wipe_slot(device: &Path, keyslot: u32) -> Result<String> {
    let about = || format!("persist volume {}", device.display());
    let (header, _) = recognised(device).with_context(about)?;
    if !header.other_slots().iter().any(|slot| slot.keyslot == keyslot) {
        bail!(
            "{}: keyslot {keyslot} is not one that `pattern recovery` lists as other; pattern rebind replaces the TPM's, \
             pattern recovery new those of recovery keys",
            about()
        );
    }
    if header.recovery_slots().is_empty() {
        bail!(
            "{}: it has no recovery key, so this may be the last way in; first run: pattern recovery new",
            about()
        );
    }
    let mut volume = Volume::load(device).with_context(about)?;
    let question = format!("Recovery key of {}, which stays:", device.display());
    let by = ask::entered(&question, |key| volume.wipe(keyslot, key)).with_context(about)?;
    Ok(format!(
        "Keyslot {keyslot} of {} was removed. The key that you entered opens keyslot {by}.",
        device.display()
    ))
}

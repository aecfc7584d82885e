//! `pattern rebind --ahead`: signs what the next boot will find.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use pattern::firmware::Variable;
use pattern::sealing::binding::of_the_key;
use pattern_machine::firmware;
use pattern_machine::uki::Companions;

use crate::context::Context;
use crate::volume::ahead::key;
use crate::volume::ahead::staged::Staged;
use crate::volume::luks::Volume;
use crate::volume::place::{self, recognised, require_open};

/// Reads what the firmware's variables hold now, adds the files that will be appended to them, and
/// signs the result, so that the volume opens in a boot that measures it. Returns what was done, in
/// words.
///
/// # Errors
/// When the next boot can't be predicted, or has Secure Boot off, or the volume has no slot for it,
/// or the TPM fails.
pub(crate) fn announce(ctx: &Context, device: &Path, files: &[(Variable, PathBuf)]) -> Result<String> {
    let about = || format!("persist volume {}", device.display());
    let (header, _) = recognised(device).with_context(about)?;
    require_open(header.uuid()).with_context(about)?;
    let slots = header.ahead();
    let Some(bank) = slots.first().map(|slot| slot.bank) else {
        bail!(
            "{} has no slot for announced changes; the next boot with Secure Boot on makes one, and the change has to wait for it",
            device.display()
        );
    };
    let brought = Companions::read()?;
    let (log, value) = (firmware::log()?, firmware::value(bank)?);
    let staged = Staged::new(&log, &value, bank, firmware::contents()?, files)?;
    if staged.next == value {
        return Ok("No change of Secure Boot's keys waits for a restart.".to_owned());
    }
    let binding = of_the_key(&ctx.config, brought.key.as_ref(), bank);
    let words = staged.words();
    for slot in &slots {
        if staged.is_announced(slot, &binding)? {
            return Ok(format!("The change of {words} was announced before."));
        }
    }
    let approver = key::read(place::mounted()?)?;
    // A cut while the slot was being replaced leaves the old one beside it.
    let Some(ahead) = slots.into_iter().find(|slot| slot.key == approver.key.public && slot.bank == bank)
    else {
        bail!(
            "the key in the volume is not the one of the slot for announced changes; to make both anew, run: pattern rebind"
        );
    };
    let ahead = staged.sign(&ctx.tcti, ahead, &binding, &approver)?;
    Volume::load(device)?.announce(&ahead).with_context(about)?;
    Ok(format!("{} will open by itself after the change of {words}, too.", device.display()))
}

//! Does what was requested of an open volume, and keeps the TPM's side in order.

use std::path::Path;

use anyhow::{Context as _, Error};
use pattern::volume::admission::Giver;
use pattern_machine::boot::Boot;

use super::open::InUse;
use crate::context::Context;
use crate::volume::candidate::Candidate;
use crate::volume::means::Means;
use crate::volume::request::Request;
use crate::volume::sealing::Sealer;
use crate::volume::{ahead, lockout, recovery_key, renewal};

/// Does what the boot before left to do. The volume is open, so no failure here ends the boot.
pub(super) fn tend(
    ctx: &Context,
    boot: &Boot,
    means: Result<Means<'_>, &Error>,
    device: &Path,
    InUse { uuid, has_pin, opened, requests, root, .. }: &InUse,
) {
    if *has_pin {
        lockout::at_boot(&ctx.tcti, root);
    }
    let warn = |error: Error| log::warn!("{}: {error:#}", device.display());
    // During a trial a request waits for a boot with a person at the console.
    let requests = if boot.on_trial { &[][..] } else { requests };
    if requests.contains(&Request::Recovery) {
        let done = recovery_key::at_boot(&ctx.config, (device, root), &opened.key);
        done.context("making a new recovery key").unwrap_or_else(warn);
    }
    // Nothing is sealed with files of the kernel image that are not valid. The log has the reason.
    let Ok(means) = means else { return };
    let candidate = Candidate { device, uuid, key: &opened.key };
    let sealer = Sealer { means, pin: opened.pin.as_deref() };
    let mut slots = opened.slots.as_deref();
    // Only a key that the TPM gave is replaced without a person. If the TPM refused, a person has
    // to bind the volume again.
    let may_replace = opened.giver != Giver::Person && means.may_record();
    if !requests.is_empty() && ctx.config.volume.counter && may_replace {
        match renewal::at_boot(&sealer, &candidate, root).context("replacing the TPM's key") {
            Ok(()) => slots = Some(&[]),
            Err(error) => warn(error),
        }
    }
    if let Some(slots) = slots {
        ahead::tend(&sealer, &candidate, slots, root);
    }
}

//! Does what was requested of an open volume, and keeps the TPM's side in order.

use std::path::Path;

use anyhow::{Context as _, Error};
use pattern::volume::admission::Giver;

use super::open::InUse;
use crate::volume::candidate::Candidate;
use crate::volume::means::Means;
use crate::volume::request::Request;
use crate::volume::sealing::Sealer;
use crate::volume::{ahead, lockout, recovery_key, renewal};

/// Does what the boot before left to do. The volume is open, so no failure here ends the boot.
pub(super) fn tend(means: Means<'_>, device: &Path, in_use: &InUse) {
    let InUse { uuid, has_pin, opened, requests, .. } = in_use;
    if *has_pin {
        lockout::at_boot(means.tcti);
    }
    let candidate = Candidate { device, uuid, key: &opened.key };
    let sealer = Sealer { means, pin: opened.pin.as_deref() };
    let warn = |error: Error| log::warn!("{}: {error:#}", device.display());
    let mut slots = opened.slots.as_deref();
    // During a trial a request waits for a boot with a person at the console.
    if !requests.is_empty() && !means.boot.on_trial {
        if requests.contains(&Request::Recovery) {
            let done = recovery_key::at_boot(means.config, device, candidate.key);
            done.context("making a new recovery key").unwrap_or_else(warn);
        }
        // Only a key that the TPM gave is replaced without a person. If the TPM refused, a person
        // has to bind the volume again.
        if means.config.volume.counter && opened.giver != Giver::Person && means.may_record() {
            match renewal::at_boot(&sealer, &candidate).context("replacing the TPM's key") {
                Ok(()) => slots = Some(&[]),
                Err(error) => warn(error),
            }
        }
    }
    if let Some(slots) = slots {
        ahead::tend(&sealer, &candidate, slots, &ahead::Root::Device);
    }
}

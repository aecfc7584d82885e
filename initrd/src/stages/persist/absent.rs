//! Handles a partition table without a volume: decides whether to make one, or to list an existing
//! one again. See [`pattern::volume::creation`].

use std::path::Path;

use anyhow::{Result, bail};
use pattern::table::{ResetPlace, reset_place};
use pattern::volume::reset::WORD;
use pattern::volume::{Creation, Lock, creation, place};
use pattern_machine::people::ask;

use super::site::Site;
use crate::volume::identity::Registry;
use crate::volume::luks;
use crate::volume::means::Means;

/// What to do where the table lists no volume.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Absent {
    /// Make a volume.
    Make,
    /// Open the volume that is there, and list it again.
    Restore,
}

/// Decides by the content of the place and by what the TPM knows. Asks if that is in doubt.
///
/// # Errors
/// When the TPM knows another volume, or nobody confirms on the console that a volume may be made.
pub(super) fn decide(means: &Means<'_>, lock: Lock, site: &Site<'_>) -> Result<Absent> {
    // Only the kernel learns of this partition, so that its content can be read.
    site.disk.add_partition(site.number, site.extent, site.table)?;
    let given_up = matches!(reset_place(site.table)?, ResetPlace::Begun(_));
    let place = place(&luks::head(&site.device)?, &luks::look(&site.device)?);
    let known = match lock {
        Lock::Tpm => Registry::open(*means, None)?.known()?,
        Lock::Passphrase => 0,
    };
    match creation(given_up, &place, known) {
        Creation::Make => Ok(Absent::Make),
        Creation::Restore => Ok(Absent::Restore),
        Creation::Ask(what) => ask_owner(&what, &site.device, means.boot.on_trial).map(|()| Absent::Make),
        Creation::Refuse(known) => bail!(refusal(known)),
    }
}

fn refusal(known: usize) -> String {
    let volumes =
        if known == 1 { "a volume that is".to_owned() } else { format!("{known} volumes that are") };
    format!(
        "this machine's TPM knows {volumes} not on this disk, and makes no other beside; nothing was changed. Put the disk with \
         the volume back. If the volume is gone for good, clear the TPM in the firmware's setup, and restart"
    )
}

/// Asks on the console whether to make a volume nevertheless. Without an answer none is made.
fn ask_owner(what: &str, device: &Path, on_trial: bool) -> Result<()> {
    let doubt = format!("the place for the volume begins with {what}");
    if on_trial {
        bail!("{doubt}; this version is on trial, so nobody is asked; nothing was changed");
    }
    let device = device.display();
    let question = format!(
        "{doubt}. A new volume on {device} replaces it. Type {WORD} to make one, anything else to leave all as it is:"
    );
    if ask::word(&question, ask::PATIENCE).is_some_and(|answer| answer.trim() == WORD) {
        return Ok(());
    }
    bail!("{doubt}, and nobody typed {WORD:?} on the console; nothing was changed; restart to be asked again")
}

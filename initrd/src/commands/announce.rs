//! `pattern rebind --ahead`: signs what the next boot will find.

use std::fmt;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use pattern::firmware::{PCR, Started, Variable};
use pattern::sealing::binding::of_the_key;
use pattern::start::Prediction;
use pattern::token::ahead::Ahead;
use pattern::token::{Binding, Pcrs, Tpm2Token};
use pattern::update::entry::Entry;
use pattern::update::next::Next;
use pattern_machine::disk::Disk;
use pattern_machine::start::{Facts, now};
use pattern_machine::uki::Companions;
use pattern_machine::{esp, registers};

use crate::context::Context;
use crate::volume::ahead::key;
use crate::volume::ahead::staged::{Staged, with_files};
use crate::volume::luks::Volume;
use crate::volume::place::{self, recognised, require_open};

/// What came of it.
pub(super) enum Outcome {
    /// The next boot is as the volume is bound.
    Nothing,
    /// This change was announced already.
    Before(String),
    /// This change of the volume on this device.
    Now(String, String),
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nothing => f.write_str("No change that the volume is bound to waits for a restart."),
            Self::Before(words) => write!(f, "The change of {words} was announced before."),
            Self::Now(device, words) => {
                write!(f, "{device} will open by itself after the change of {words}, too.")
            }
        }
    }
}

/// Reads what the firmware's variables hold now, adds the files that will be appended to them, looks at what the next boot starts,
/// and signs the result, so that the volume opens in a boot that measures it. What was added to the kernel image is not signed
/// for: such a boot asks for the recovery key.
///
/// # Errors
/// When the next boot can't be predicted, or has Secure Boot off, or the volume is not bound to the TPM as it is now, or has no slot
/// for it, or the TPM fails.
pub(super) fn announce(ctx: &Context, device: &Path, files: &[(Variable, PathBuf)]) -> Result<Outcome> {
    let about = || format!("persist volume {}", device.display());
    let (header, locks) = recognised(device).with_context(about)?;
    require_open(header.uuid()).with_context(about)?;
    let slots = header.ahead();
    let Some(bank) = slots.first().map(|slot| slot.bank) else {
        bail!(
            "{} has no slot for announced changes; the next boot with Secure Boot on makes one, and the change has to wait for it",
            device.display()
        );
    };
    if !locks.tokens.iter().any(is_bound_now) {
        bail!(
            "{} is not bound to the TPM as it is now, so changes can't be told from those that somebody else made before this boot; \
             run pattern rebind first",
            device.display()
        );
    }
    let brought = Companions::read()?;
    let binding = of_the_key(&ctx.config, brought.key.as_ref(), bank);
    let (mut facts, entry) = look(ctx)?;
    facts.suppose(with_files(facts.variables().clone(), files)?);
    let (start, now) = (facts.start(&entry)?, now(bank));
    let prediction = facts.boot(bank, &now).before(&start);
    let staged = stage(&facts, &prediction, &binding)?;
    let words = staged.words();
    if words.is_empty() {
        return Ok(Outcome::Nothing);
    }
    for slot in &slots {
        if staged.is_announced(slot, &binding)? {
            return Ok(Outcome::Before(words));
        }
    }
    sign(ctx, device, slots, &staged, &binding).with_context(about)?;
    Ok(Outcome::Now(device.display().to_string(), words))
}

fn sign(
    ctx: &Context,
    device: &Path,
    slots: Vec<Ahead>,
    staged: &Staged<'_>,
    binding: &Binding,
) -> Result<()> {
    let approver = key::read(place::mounted()?)?;
    // A cut while the slot was being replaced leaves the old one beside it.
    let ours = |slot: &Ahead| slot.key == approver.key.public && slot.bank == binding.bank;
    let Some(ahead) = slots.into_iter().find(ours) else {
        bail!(
            "the key in the volume is not the one of the slot for announced changes; to make both anew, run: pattern rebind"
        );
    };
    let ahead = staged.sign(&ctx.tcti, ahead, binding, &approver)?;
    Volume::load(device)?.announce(&ahead)
}

/// Collects what the next boot depends on, and which version it starts.
fn look(ctx: &Context) -> Result<(Facts, Entry)> {
    let image = &ctx.config.image;
    let table = Disk::behind_usr(&ctx.usr)?.table()?.table;
    let installed = esp::installed(&image.id, &image.version, &table)?;
    let Some(Next::Version(next, _)) = installed.next() else {
        bail!("the next boot starts something else than a version of this image");
    };
    let running =
        installed.entry(&image.version).context("the running version is not on the EFI system partition")?;
    Ok((Facts::collect(&image.id, running)?, next))
}

/// Predicts the registers that the volume is bound to.
fn stage<'a>(facts: &'a Facts, prediction: &Prediction<'_>, binding: &Binding) -> Result<Staged<'a>> {
    let bank = binding.bank;
    let value =
        |pcr| registers::value(bank, pcr).with_context(|| format!("the kernel does not show PCR {pcr}"));
    let (before, complete, after) = prediction.loaded()?;
    let before = Started { programs: &before, complete };
    let mut staged =
        Staged::new((facts.log(), bank, &value(PCR)?), facts.variables().clone(), (before, &after))?;
    for pcr in binding.kept.into_iter().flat_map(Pcrs::iter).filter(|pcr| *pcr != PCR) {
        let later = prediction.register(pcr);
        let predicting =
            || format!("predicting PCR {pcr} of the next boot, which may ask for the recovery key");
        staged.and(pcr, later.with_context(predicting)?, &value(pcr)?);
    }
    Ok(staged)
}

/// Returns whether the TPM gave the key in this boot, or would have.
fn is_bound_now(token: &Tpm2Token) -> bool {
    let pcrs = token.literal.into_iter().flat_map(Pcrs::iter);
    let values: Option<Vec<_>> = pcrs.map(|pcr| registers::value(token.bank, pcr)).collect();
    values.is_some_and(|values| token.is_bound_to(&values))
}

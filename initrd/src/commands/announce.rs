//! `pattern rebind --ahead`: signs what the next boot will find.

use std::fmt;
use std::fs::File;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Error, Result, bail};
use pattern::firmware::{PCR, Started, Variable};
use pattern::sealing::announcement::{Needed, Situation};
use pattern::sealing::binding::{of_the_key, where_added};
use pattern::start::{ADDITIONS, AddOn, NotAllowed, Prediction, consent};
use pattern::token::ahead::Ahead;
use pattern::token::{ADDED, Binding, Pcrs, SPENT};
use pattern::update::entry::Entry;
use pattern::update::next::Next;
use pattern_machine::disk::Disk;
use pattern_machine::start::{Facts, now};
use pattern_machine::uki::Companions;
use pattern_machine::{esp, output, registers};

use crate::context::Context;
use crate::volume::ahead::key;
use crate::volume::ahead::staged::{Staged, with_files};
use crate::volume::bound;
use crate::volume::luks::Volume;
use crate::volume::place::{self, recognised, require_open};

/// Held while a change is announced: the unit that watches Secure Boot's variables and a person may do so at once.
const LOCK: &str = "/run/pattern-rebind-ahead.lock";
/// What is announced where nothing else will be otherwise.
const NEW_KEY: &str = "the key that signs PCR 11";

const OTHER_PROGRAMS: &str = "the next boot starts another program, and this image has no signed PCR 11, so nothing tells whose it \
    is; such a boot asks for the recovery key; images that are built with --keys can announce it";

/// What came of it.
pub(super) enum Outcome {
    /// The next boot is as the volume is bound.
    Nothing,
    /// Add-ons that were announced are gone. What was signed for them is replaced.
    Withdrawn,
    /// This change of the volume on this device.
    Now(String, String),
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nothing => f.write_str("No change that the volume is bound to waits for a restart."),
            Self::Withdrawn => f.write_str(
                "The add-ons that were announced are not there; after the restart the volume no longer opens with them.",
            ),
            Self::Now(device, words) => {
                write!(f, "{device} will open by itself after the change of {words}, too.")
            }
        }
    }
}

/// What the owner says of the next boot.
pub(super) struct Said<'a> {
    /// Files that will be appended to these variables.
    pub(super) files: &'a [(Variable, PathBuf)],
    /// Whether what was added to the kernel image is the owner's.
    pub(super) additions: bool,
}

/// Reads what the firmware's variables hold now, adds the files that will be appended to them, looks at what the next boot starts,
/// and signs the result, so that the volume opens in a boot that measures it. What was added to the kernel image since this boot is
/// signed for only if the owner asks for it, and if the image lists its words.
///
/// # Errors
/// When the next boot can't be predicted, or has Secure Boot off, or the TPM did not open the volume in this boot, or the volume has
/// no slot for it, or the TPM fails.
pub(super) fn announce(ctx: &Context, device: &Path, said: &Said<'_>) -> Result<Outcome> {
    let lock = File::create(LOCK).with_context(|| format!("opening {LOCK}"))?;
    lock.lock().with_context(|| format!("waiting for {LOCK}"))?;
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
    if !bound::is_noted(header.uuid()) {
        bail!(
            "the TPM did not open {} in this boot, so changes can't be told from those that somebody else made before this boot; run \
             pattern rebind first",
            device.display()
        );
    }
    let brought = Companions::read()?;
    let (mut facts, entry) = look(ctx)?;
    facts.suppose(with_files(facts.variables().clone(), said.files)?);
    let (start, now) = (facts.start(&entry)?, now(bank));
    let prediction = facts.boot(bank, &now).before(&start);
    let usual = of_the_key(&ctx.config, brought.key.as_ref(), bank);
    let accept = || start.allowed_additions(&ctx.config.boot.add_on_words);
    let (binding, accepted) = with_added(&prediction, usual.clone(), said.additions, accept)?;
    let staged = stage(&facts, &prediction, &binding)?;
    let situation = Situation {
        changes: !staged.words().is_empty(),
        other_programs: staged.starts_others(),
        usual: &usual,
        next: &binding,
        tokens: &locks.tokens,
        slots: &slots,
    };
    let outcome = match situation.needed() {
        Needed::Nothing => return Ok(Outcome::Nothing),
        Needed::Refused => bail!("{OTHER_PROGRAMS}"),
        Needed::Withdrawal => Outcome::Withdrawn,
        Needed::NewKey => Outcome::Now(device.display().to_string(), NEW_KEY.to_owned()),
        Needed::Change => Outcome::Now(device.display().to_string(), staged.words()),
    };
    sign(ctx, device, slots, &staged, &binding).with_context(about)?;
    accepted.iter().for_each(|add_on| output::message(&format!("pattern: accepted {add_on}")));
    Ok(outcome)
}

/// Returns the binding of the next boot with what is added to its kernel image, and the add-ons that the owner accepts by that.
fn with_added(
    prediction: &Prediction<'_>,
    usual: Binding,
    accepts: bool,
    found: impl Fn() -> Result<Vec<AddOn>, NotAllowed>,
) -> Result<(Binding, Vec<AddOn>)> {
    let value = |pcr| {
        registers::value(usual.bank, pcr).with_context(|| format!("the kernel does not show PCR {pcr}"))
    };
    let (mut binding, mut accepted) = (usual.clone(), Vec::new());
    for pcr in usual.literal().into_iter().flat_map(Pcrs::iter).filter(|pcr| ADDITIONS.contains(pcr)) {
        let later = prediction.register(pcr).with_context(|| predicting(pcr))?;
        let found = if pcr == ADDED { found() } else { Err(NotAllowed::Extension) };
        accepted.extend(consent((&value(pcr)?, &later.value), accepts, found).map_err(Error::msg)?);
        binding = if pcr == ADDED { where_added(binding, &later.value) } else { binding };
    }
    Ok((binding, accepted))
}

fn predicting(pcr: u8) -> String {
    format!("predicting PCR {pcr} of the next boot, which may ask for the recovery key")
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
    // Nothing is measured into PCR 15 before the volume is opened.
    let named = binding.literal().into_iter().flat_map(Pcrs::iter);
    for pcr in named.filter(|pcr| ![PCR, SPENT].contains(pcr)) {
        let later = prediction.register(pcr);
        staged.and(pcr, later.with_context(|| predicting(pcr))?, &value(pcr)?);
    }
    Ok(staged)
}

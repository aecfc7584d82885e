//! Whether the volume is the one that this machine made, as its TPM knows it, and the newest copy of it.

use std::path::Path;

use anyhow::{Context as _, Result};
use pattern::config::Config;
use pattern::generation::{Old, Step, steps};
use pattern::identity::{Identity, Kept, compare, tag};
use pattern::token::Signatures;
use pattern::volume::Header;

use super::{binding, extra};
use crate::latch;
use crate::luks::{Volume, VolumeKey};
use crate::tpm::{Nv, Tcti, TpmError};
use crate::trial;

const UNKNOWN: &str = "the TPM does not know that this machine made it: it was cleared, or the image is signed with another key";
const UNCOUNTED: &str =
    "the TPM does not know how often it was opened, so it may be an old copy: the counter was removed";
/// Nobody is asked for a key of such a volume: whoever put it there knows one.
const ANOTHER: &str = "this is not the volume that this machine made; nothing of it was used. If you put it there yourself, \
    clear the TPM in the firmware's setup, and enter the volume's recovery key";

/// What came of looking.
#[derive(PartialEq, Eq, Debug)]
pub(super) enum Proof {
    /// It is the volume.
    Given,
    /// The TPM can't tell, and why: a person has to.
    Missing(&'static str),
    /// It is not to be used, whoever has its key, and why.
    Against(String),
}

/// A volume whose key is at hand.
pub(super) struct Candidate<'a> {
    pub(super) device: &'a Path,
    pub(super) uuid: &'a str,
    pub(super) key: &'a VolumeKey,
}

/// Compares the volume with what the TPM knows; without a TPM nothing is known. Where its openings are counted, or the
/// image asks for that from now on, this one is.
///
/// # Errors
/// When the TPM does not answer, the header can't be written, or the image's key is broken.
pub(super) fn prove(config: &Config, volume: &Candidate<'_>, header: &Header) -> Result<Proof> {
    if !latch::has_tpm() {
        return Ok(Proof::Missing(UNKNOWN));
    }
    let (tcti, signatures) = (Tcti::default(), extra::signatures()?);
    let nv = nv(config, &tcti, signatures.as_ref()).context("asking the TPM for the volume's identity")?;
    // The version that a lost trial goes back to may know of no counter, and take the volume for another one.
    let wanted = config.volume.counter && !trial::running();
    volume.prove(&nv, header, wanted)
}

/// Lets the TPM know the volume; without a TPM there is nobody to tell.
///
/// # Errors
/// When the TPM does not take it, or the header can't be written.
pub(super) fn keep(config: &Config, volume: &Candidate<'_>) -> Result<()> {
    if !latch::has_tpm() {
        return Ok(());
    }
    let (tcti, signatures) = (Tcti::default(), extra::signatures()?);
    let nv = nv(config, &tcti, signatures.as_ref()).context("letting the TPM know the volume")?;
    volume.keep(&nv, config.volume.counter)
}

fn nv<'a>(config: &Config, tcti: &'a Tcti, signatures: Option<&'a Signatures>) -> Result<Nv<'a>> {
    let binding = binding::of_the_identity(config, extra::key()?)?;
    Ok(binding::in_a_bank(|bank| Nv::new(tcti, binding(bank), signatures))?)
}

impl Candidate<'_> {
    fn prove(&self, nv: &Nv<'_>, header: &Header, wanted: bool) -> Result<Proof> {
        let held = nv.identity().context("asking the TPM for the volume's identity")?;
        match compare(held.as_deref(), self.key.as_bytes(), self.uuid) {
            Identity::Unknown => Ok(Proof::Missing(UNKNOWN)),
            Identity::Other => Ok(Proof::Against(ANOTHER.to_owned())),
            Identity::Same(Kept::Known) if !wanted => Ok(Proof::Given),
            Identity::Same(Kept::Known) => self.keep(nv, true).map(|()| Proof::Given),
            // Whether this image asks for it or not: an older one must be no way around.
            Identity::Same(Kept::Counted) => self.prove_newest(nv, header),
        }
    }

    fn prove_newest(&self, nv: &Nv<'_>, header: &Header) -> Result<Proof> {
        let count = nv.counted().context("asking the TPM for the count of the volume's openings")?;
        let Some(count) = count else { return Ok(Proof::Missing(UNCOUNTED)) };
        match steps(header.generation(self.key.as_bytes(), self.uuid), count) {
            Err(old) => Ok(Proof::Against(refusal(old))),
            Ok(steps) => self.take(nv, &steps).map(|()| Proof::Given),
        }
    }

    fn take(&self, nv: &Nv<'_>, steps: &[Step]) -> Result<()> {
        steps.iter().try_for_each(|step| match step {
            Step::Count => Ok(nv.count()?),
            Step::Write(generation) => self.write(*generation),
        })
    }

    /// The tag comes last: it says that the rest is there.
    fn keep(&self, nv: &Nv<'_>, counted: bool) -> Result<()> {
        let kept = if counted { Kept::Counted } else { Kept::Known };
        if counted {
            nv.count()?;
            // Where a new counter begins is the TPM's choice. Copies from before now are old, whatever they say.
            let count = nv.counted()?.ok_or(TpmError::Missing("the count"))?;
            self.write(count)?;
        }
        let kept = nv.keep_identity(&tag(self.key.as_bytes(), self.uuid, kept));
        kept.context("letting the TPM know the volume")
    }

    fn write(&self, generation: u64) -> Result<()> {
        Volume::load(self.device)?.write_generation(self.key, generation)
    }
}

fn refusal(old: Old) -> String {
    format!(
        "this is an old copy of this machine's volume: {old}; nothing of it was used. If you put it there yourself, \
         clear the TPM in the firmware's setup, enter the volume's recovery key, and run: pattern rebind"
    )
}

#[cfg(test)]
mod tests;

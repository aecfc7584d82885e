//! What the volume's key, and what the TPM knows of the volume, are bound to.

use anyhow::{Context as _, Result};
use pattern::config::Config;
use pattern::measure::IDENTITY;
use pattern::token::{ADDED, Bank, Binding, Exposed, Pcrs, PublicKey};

use crate::tpm::{self, TpmError};

/// The key: to the image's key for PCR signatures, and to the PCRs that `volume.pcrs` names. Where it names none, an image
/// for use is bound to what comes with the image, and nothing beside it.
///
/// # Errors
/// When there is no such PCR.
pub(super) fn of_the_key(config: &Config, image: Option<PublicKey>) -> Result<impl Fn(Bank) -> Binding> {
    let kept = kept(config)?;
    let alone = kept.is_none() && !config.debug;
    Ok(move |bank| {
        let binding = until_latched(Binding::new(bank, image.clone(), kept));
        if alone { binding.and_kept(Pcrs::one(ADDED)) } else { binding }
    })
}

/// The volume's identity: as the key, but firmware may change where an image is signed.
///
/// # Errors
/// When there is no such PCR.
pub(super) fn of_the_identity(config: &Config, image: Option<PublicKey>) -> Result<impl Fn(Bank) -> Binding> {
    let kept = if image.is_some() { None } else { kept(config)? };
    Ok(move |bank| until_latched(Binding::new(bank, image.clone(), kept)))
}

/// SHA-256 PCRs; SHA-384 ones for a TPM that has only those.
pub(super) fn in_a_bank<T>(mut act: impl FnMut(Bank) -> tpm::Result<T>) -> tpm::Result<T> {
    match act(Bank::Sha256) {
        Err(TpmError::Exposed(Exposed::NoBank(_))) => act(Bank::Sha384),
        done => done,
    }
}

fn kept(config: &Config) -> Result<Option<Pcrs>> {
    let pcrs = config.volume.pcrs.as_ref().map(|pcrs| Pcrs::new(pcrs.iter().copied().map(u64::from)));
    pcrs.transpose().context("volume.pcrs")
}

fn until_latched(binding: Binding) -> Binding {
    Binding { untouched: Pcrs::new([IDENTITY.into()]).ok(), ..binding }
}

//! Whether the volume is the one that this machine made, as its TPM knows it.

use anyhow::{Context as _, Result};
use pattern::config::Config;
use pattern::identity::{Identity, compare, tag};

use super::{binding, extra};
use crate::latch;
use crate::luks::VolumeKey;
use crate::tpm::{Tcti, Tpm};

/// Compares the volume with what the TPM knows; without a TPM nothing is known.
///
/// # Errors
/// When the TPM does not answer, or the image's key is broken.
pub(super) fn of(config: &Config, uuid: &str, key: &VolumeKey) -> Result<Identity> {
    if !latch::has_tpm() {
        return Ok(Identity::Unknown);
    }
    let binding = binding::of_the_identity(config, extra::key()?)?;
    let held = binding::in_a_bank(|bank| Tpm::connect(&Tcti::default())?.identity(&binding(bank)));
    let held = held.context("asking the TPM for the volume's identity")?;
    Ok(compare(held.as_deref(), key.as_bytes(), uuid))
}

/// Lets the TPM know the volume; without a TPM there is nobody to tell.
///
/// # Errors
/// When the TPM does not take it.
pub(super) fn keep(config: &Config, uuid: &str, key: &VolumeKey) -> Result<()> {
    if !latch::has_tpm() {
        return Ok(());
    }
    let (image, signatures) = (extra::key()?, extra::signatures()?);
    let binding = binding::of_the_identity(config, image)?;
    let tag = tag(key.as_bytes(), uuid);
    let kept = binding::in_a_bank(|bank| {
        Tpm::keep_identity(&Tcti::default(), &binding(bank), signatures.as_ref(), &tag)
    });
    kept.context("letting the TPM know the volume")
}

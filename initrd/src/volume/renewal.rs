//! Seals again what this version of the image would seal in another way, and completes a renewal
//! that a power cut interrupted.

use std::path::Path;

use anyhow::Result;
use pattern::sealing::revocation::is_cut;
use pattern::token::Tpm2Token;

use crate::volume::candidate::Candidate;
use crate::volume::luks::Volume;
use crate::volume::means::Means;
use crate::volume::request::{self, Request};
use crate::volume::sealing::{Sealer, is_outdated, is_outdated_text};

/// Returns whether a renewal is due, when one of these tokens opened the volume.
pub(crate) fn is_due(means: &Means<'_>, tokens: &[Tpm2Token], used: &Tpm2Token) -> bool {
    tokens.iter().any(|token| is_outdated(token, means)) || is_cut(tokens, used.counted)
}

/// Removes outdated tokens. If an outdated token opened the volume, or a replacement was cut short,
/// it first seals a new one. Returns what was done, in words.
///
/// # Errors
/// When the TPM fails, or the header can't be written. Until the new token is in place, the old ones stay.
pub(crate) fn renew(
    sealer: &Sealer<'_>,
    volume: &Candidate<'_>,
    (tokens, used): (&[Tpm2Token], &Tpm2Token),
) -> Result<String> {
    let means = &sealer.means;
    let old = |token: &str| is_outdated_text(token, means);
    if !is_outdated(used, means) && !is_cut(tokens, used.counted) {
        let removed = Volume::load(volume.device)?.remove_sealed(old)?;
        return Ok(format!("older TPM slots removed: {removed}"));
    }
    let counted = means.config.volume.counter || used.counted.is_some();
    let (keyslot, removed) = sealer.replace(volume, counted, |binding| binding, old)?;
    Ok(format!("keyslot {keyslot} is new, older TPM slots removed: {removed}"))
}

/// Replaces the key that opened the volume, as root requested. The keys of earlier headers are
/// worthless afterwards.
///
/// # Errors
/// As [`renew`].
pub(crate) fn at_boot(sealer: &Sealer<'_>, volume: &Candidate<'_>, root: &Path) -> Result<()> {
    let old = |token: &str| is_outdated_text(token, &sealer.means);
    let (keyslot, removed) = sealer.replace(volume, true, |binding| binding, old)?;
    log::info!("replaced the TPM's key: keyslot {keyslot} is new, older TPM slots removed: {removed}");
    if request::is_left(root, Request::Sealed) {
        request::clear(root, Request::Sealed)?;
    }
    Ok(())
}

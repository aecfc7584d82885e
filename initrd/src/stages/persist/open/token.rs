//! Opens the volume by a key that the TPM gives, with a PIN if the token needs one.

use std::path::Path;

use anyhow::{Result, bail};
use pattern::token::{Signatures, Tpm2Token};
use zeroize::Zeroizing;

use super::Opening;
use crate::machine::tpm::{self, Presented, Tcti, Tpm, TpmError};
use crate::machine::uki;
use crate::people::ask;
use crate::volume::luks::{Volume, VolumeKey};
use crate::volume::sealing::is_outdated;

/// A token that gave the key, and the PIN that it needed.
pub(super) struct ByToken<'a> {
    pub(super) key: VolumeKey,
    pub(super) token: &'a Tpm2Token,
    pub(super) pin: Option<Zeroizing<String>>,
}

/// Returns the key by the first token that gives it, and why the others did not.
pub(super) fn by_any_token<'a>(
    volume: &mut Volume,
    opening: &Opening<'a>,
    tcti: &Tcti,
) -> (Option<ByToken<'a>>, Vec<String>) {
    let Opening { device, locks, config, .. } = opening;
    let mut reasons: Vec<String> = locks.unusable.clone();
    let signatures = uki::signatures().unwrap_or_else(|error| {
        reasons.push(format!("{error:#}"));
        None
    });
    let image = uki::key().unwrap_or_default();
    let mut tokens: Vec<_> = locks.tokens.iter().collect();
    // Tokens without a PIN come first, so that nobody is asked for a PIN in vain. Tokens of earlier
    // versions come after those of this one.
    tokens.sort_by_key(|token| {
        (token.pin.is_some(), is_outdated(token, config, image.as_ref(), signatures.as_ref()))
    });
    for token in tokens {
        match by_tpm(volume, device, token, signatures.as_ref(), tcti) {
            Ok((key, pin)) => return (Some(ByToken { key, token, pin }), reasons),
            Err(error) => reasons.push(format!("{error:#}")),
        }
    }
    if reasons.is_empty() {
        reasons.push("it has no TPM token".to_owned());
    }
    (None, reasons)
}

fn by_tpm(
    volume: &mut Volume,
    device: &Path,
    token: &Tpm2Token,
    signatures: Option<&Signatures>,
    tcti: &Tcti,
) -> Result<(VolumeKey, Option<Zeroizing<String>>)> {
    let unseal = |pin: Option<&str>| Tpm::unseal(tcti, token, Presented { signatures, pin });
    let (secret, pin) = match unseal(None) {
        Err(TpmError::NoPin) => {
            let (secret, pin) = with_pin(device, ask::secret, |pin| unseal(Some(pin)))?;
            (secret, Some(pin))
        }
        answer => (answer?, None),
    };
    Ok((volume.unlock_sealed(token, &secret)?, pin))
}

/// Asks for the PIN until it is right. Returns the PIN, too. An empty answer means that the person
/// wants to enter the recovery key instead.
pub(super) fn with_pin<T>(
    device: &Path,
    ask: impl Fn(&str) -> Result<Zeroizing<String>>,
    try_pin: impl Fn(&str) -> tpm::Result<T>,
) -> Result<(T, Zeroizing<String>)> {
    let device = device.display();
    let mut before = String::new();
    loop {
        let pin = ask(&format!("{before}PIN for {device} (empty for the recovery key):"))?;
        if pin.is_empty() {
            bail!("no PIN was entered");
        }
        match try_pin(&pin) {
            Err(error @ TpmError::WrongPin(_)) => {
                log::error!("{device}: {error}");
                before = format!("{error}. ");
            }
            answer => return Ok((answer?, pin)),
        }
    }
}

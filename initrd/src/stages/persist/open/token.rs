//! Opens the volume by a key that the TPM gives, with a PIN if the token needs one.

use std::path::Path;

use anyhow::{Result, bail};
use pattern::token::Tpm2Token;
use pattern::volume::Locks;
use pattern_machine::people::{ask, choose};
use zeroize::Zeroizing;

use super::{By, Given};
use crate::tpm::{self, Presented, Tpm, TpmError};
use crate::volume::luks::{Volume, VolumeKey};
use crate::volume::means::Means;
use crate::volume::sealing::is_outdated;

/// The volume's device, and what else a person can be asked for.
pub(super) type About<'a> = (&'a Path, Option<&'static str>);

/// Returns the key by the first token that gives it, and why the others did not.
pub(super) fn by_any_token<'a>(
    volume: &mut Volume,
    about: About<'_>,
    locks: &'a Locks,
    means: &Means<'_>,
) -> (Option<Given<'a>>, Vec<String>) {
    let mut reasons: Vec<String> = locks.unusable.clone();
    let mut tokens: Vec<_> = locks.tokens.iter().collect();
    // Tokens without a PIN come first, so that nobody is asked for a PIN in vain. Tokens of earlier
    // versions come after those of this one.
    tokens.sort_by_key(|token| (token.pin.is_some(), is_outdated(token, means)));
    for token in tokens {
        match by_tpm(volume, about, token, means) {
            Ok((key, pin)) => return (Some(Given { key, pin, by: By::Token(token) }), reasons),
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
    about: About<'_>,
    token: &Tpm2Token,
    &Means { tcti, signatures, .. }: &Means<'_>,
) -> Result<(VolumeKey, Option<Zeroizing<String>>)> {
    let unseal = |pin: Option<&str>| Tpm::unseal(tcti, token, Presented { signatures, pin });
    let (secret, pin) = match unseal(None) {
        Err(TpmError::NoPin) => {
            let (secret, pin) = with_pin(about, ask::secret, |pin| unseal(Some(pin)))?;
            (secret, Some(pin))
        }
        answer => (answer?, None),
    };
    Ok((volume.unlock_sealed(token, &secret)?, pin))
}

/// Asks for the PIN until it is right. Returns the PIN, too. An empty answer means that the person
/// wants to enter the recovery key or passphrase instead, if there is one.
pub(super) fn with_pin<T>(
    (device, otherwise): About<'_>,
    ask: impl Fn(&str) -> Result<Zeroizing<String>>,
    try_pin: impl Fn(&str) -> tpm::Result<T>,
) -> Result<(T, Zeroizing<String>)> {
    let device = device.display();
    let otherwise = otherwise.map(|key| format!(" (empty for the {})", key.to_lowercase()));
    let otherwise = otherwise.unwrap_or_default();
    let mut before = String::new();
    loop {
        let typed = ask(&format!("{before}PIN for {device}{otherwise}:"))?;
        if typed.is_empty() {
            bail!("no PIN was entered");
        }
        let meant = choose::meant(&typed);
        let answer = match try_pin(&meant) {
            // A PIN that was chosen before may have just these signs.
            Err(TpmError::WrongPin(_)) if *meant != *typed => (try_pin(&typed), typed),
            answer => (answer, meant),
        };
        match answer {
            (Err(error @ TpmError::WrongPin(_)), _) => {
                log::error!("{device}: {error}");
                before = format!("{error}. ");
            }
            (answer, pin) => return Ok((answer?, pin)),
        }
    }
}

//! Binding anew what an earlier version of pattern sealed: its policies left out Secure Boot.

use anyhow::Result;
use pattern::binding::{has, of_an_earlier_key, of_the_key};
use pattern::config::Config;
use pattern::token::{PublicKey, Token, Tpm2Token};

use super::create;
use super::identity::Candidate;
use crate::luks::Volume;

/// Whether an earlier version sealed this token, for an image with this configuration and key, and this version would not.
pub(super) fn is_earlier(token: &Tpm2Token, config: &Config, image: Option<&PublicKey>) -> bool {
    let earlier = of_an_earlier_key(config, image, token.bank);
    has(token, &earlier) && earlier.literal() != of_the_key(config, image, token.bank).literal()
}

/// Removes such tokens; `seal` puts one of this version in their place first. Returns what was done, in words.
///
/// # Errors
/// When the TPM fails, or the header can't be written. Until the new token is in place, the old ones stay.
pub(super) fn renew(
    config: &Config,
    image: Option<&PublicKey>,
    volume: &Candidate<'_>,
    seal: bool,
    pin: Option<&String>,
) -> Result<String> {
    let mut header = Volume::load(volume.device)?;
    let old = |token: &str| match Token::parse(token) {
        Ok(Token::Tpm2(token)) => is_earlier(&token, config, image),
        _ => false,
    };
    if !seal {
        let removed = header.remove_sealed(old)?;
        return Ok(format!("older TPM slots removed: {removed}"));
    }
    let secret = create::random()?;
    let token = create::seal(&secret, config, image, pin, |binding| binding)?;
    let (keyslot, removed) = header.replace_sealed(volume.key, token, &*secret, old)?;
    Ok(format!("keyslot {keyslot} is new, older TPM slots removed: {removed}"))
}

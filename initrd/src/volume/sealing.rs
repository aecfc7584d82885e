//! Seals the volume's key to the TPM, and replaces older sealed keys, see
//! [`pattern::sealing::revocation`].

use anyhow::{Context as _, Result};
use pattern::config::Config;
use pattern::record::nv::Index;
use pattern::sealing::binding::{has, of_an_earlier_key, of_the_key};
use pattern::sealing::revocation::{counts, next};
use pattern::token::{Binding, Counted, PublicKey, Token, Tpm2Token};
use pattern_machine::random;

use crate::tpm::NewPin;
use crate::volume::bank::in_a_bank;
use crate::volume::candidate::Candidate;
use crate::volume::luks::Volume;
use crate::volume::means::Means;
use crate::volume::place::recognised;

const SEALED_SLOT: u32 = 0;

/// What the keys of this boot are sealed with.
#[derive(Clone, Copy)]
pub(crate) struct Sealer<'a> {
    pub(crate) means: Means<'a>,
    /// The PIN that the TPM asks for, too.
    pub(crate) pin: Option<&'a String>,
}

impl Sealer<'_> {
    /// Seals a secret to the TPM as `pattern.toml` and the image require. `adapt` changes the
    /// binding first.
    ///
    /// # Errors
    /// When the policy would protect nothing, or the TPM fails.
    pub(crate) fn seal(&self, secret: &[u8; 32], adapt: impl Fn(Binding) -> Binding) -> Result<Tpm2Token> {
        let pin = self
            .pin
            .map(|text| Ok::<_, anyhow::Error>(NewPin { text, salt: *random::secret()? }))
            .transpose()?;
        let Means { config, image, tcti, .. } = self.means;
        let token = in_a_bank(|bank| {
            let binding = adapt(of_the_key(config, image, bank));
            tcti.ask(|tpm| tpm.seal(secret, &binding, pin.as_ref(), SEALED_SLOT))
        });
        token.context("sealing the volume's key")
    }

    /// Seals the first key of a new volume. If the image wants a counter, the key is valid at the
    /// TPM's present count.
    ///
    /// # Errors
    /// As [`Sealer::seal`].
    pub(crate) fn seal_first(&self, secret: &[u8; 32], uuid: &str) -> Result<Tpm2Token> {
        if !self.means.config.volume.counter {
            return self.seal(secret, |binding| binding);
        }
        let counter = Index::revocation(uuid);
        let count = self.means.tcti.ask(|tpm| tpm.begin_key_count(&counter))?;
        self.seal(secret, |binding| Binding {
            counted: Some(Counted { handle: counter.handle, count }),
            ..binding
        })
    }

    /// Seals a new key, and removes the tokens for whose JSON text `old` returns true. If `counted`
    /// is true, the TPM refuses from then on every key that was sealed to an earlier count, and the
    /// slots for announced changes are removed. Returns the new key slot, and how many tokens were
    /// removed.
    ///
    /// # Errors
    /// When the TPM fails, or the header can't be written. Until the new token is in place, the old ones stay.
    pub(crate) fn replace(
        &self,
        volume: &Candidate<'_>,
        counted: bool,
        adapt: impl Fn(Binding) -> Binding,
        old: impl Fn(&str) -> bool,
    ) -> Result<(u32, usize)> {
        let secret = random::secret()?;
        let counter = Index::revocation(volume.uuid);
        if !counted {
            let token = self.seal(&secret, adapt)?;
            let mut header = Volume::load(volume.device)?;
            let done = header.replace_sealed(volume.key, token, &*secret, old, || Ok(()))?;
            // Without the counter, keys that were sealed to a count are worthless.
            self.means.tcti.ask(|tpm| tpm.forget(&counter))?;
            return Ok(done);
        }
        let count = self.next_count(volume, &counter)?;
        let at = Counted { handle: counter.handle, count };
        let token = self.seal(&secret, |binding| Binding { counted: Some(at), ..adapt(binding) })?;
        let mut header = Volume::load(volume.device)?;
        let old = |text: &str| old(text) || is_counted(text, counter.handle);
        // The TPM counts between the two writes of the header: once the new token is there, before
        // the old ones go. A cut anywhere leaves a token that opens.
        let count = || Ok(self.means.tcti.ask(|tpm| tpm.count_keys_to(&counter, at.count))?);
        let done = header.replace_sealed(volume.key, token, &*secret, old, count)?;
        header.remove_ahead()?;
        Ok(done)
    }

    fn next_count(&self, volume: &Candidate<'_>, counter: &Index) -> Result<u64> {
        let now = self.means.tcti.ask(|tpm| tpm.begin_key_count(counter))?;
        let (_, locks) = recognised(volume.device)?;
        Ok(next(now, counts(&locks.tokens, counter.handle)))
    }
}

fn is_counted(text: &str, handle: u32) -> bool {
    tpm2(text).is_some_and(|token| token.counted.is_some_and(|counted| counted.handle == handle))
}

/// Returns whether a token is ours and this image would seal it in another way. It is outdated if
/// an earlier version of pattern sealed it, if it needs the PCR signatures of the version before,
/// or if the TPM is to count from now on and the token has no count.
pub(crate) fn is_outdated(token: &Tpm2Token, means: &Means<'_>) -> bool {
    let Means { config, image, .. } = *means;
    let by = token.signed.as_ref().map(|signed| &signed.key);
    if by != image && key_before(token, means).is_none() {
        return false;
    }
    let ours = [of_the_key(config, by, token.bank), of_an_earlier_key(config, by, token.bank)];
    let counts = token.counted.is_some() || !config.volume.counter;
    let current = has(token, &of_the_key(config, image, token.bank)) && counts;
    !current && ours.iter().any(|binding| has(token, binding))
}

/// Returns the key that a token is bound to, if that is not the image's own key and the image has
/// signatures by it. It is then the key of the epoch before.
pub(crate) fn key_before<'a>(token: &'a Tpm2Token, means: &Means<'_>) -> Option<&'a PublicKey> {
    let (signed, image, signatures) = (token.signed.as_ref()?, means.image?, means.signatures?);
    let vouched = signed.key != *image && !signatures.by(signed, token.bank).is_empty();
    vouched.then_some(&signed.key)
}

/// Returns whether an earlier version of pattern sealed a token that this version would seal in
/// another way, whichever key signs PCR 11.
pub(crate) fn is_earlier(token: &Tpm2Token, config: &Config) -> bool {
    let by = token.signed.as_ref().map(|signed| &signed.key);
    let earlier = of_an_earlier_key(config, by, token.bank);
    has(token, &earlier) && earlier.literal() != of_the_key(config, by, token.bank).literal()
}

/// Returns whether [`is_outdated`] is true for the JSON text of a token.
pub(crate) fn is_outdated_text(text: &str, means: &Means<'_>) -> bool {
    tpm2(text).is_some_and(|token| is_outdated(&token, means))
}

pub(crate) fn tpm2(text: &str) -> Option<Tpm2Token> {
    match Token::parse(text) {
        Ok(Token::Tpm2(token)) => Some(*token),
        _ => None,
    }
}

#[cfg(test)]
mod epoch_tests;
#[cfg(test)]
mod tests;

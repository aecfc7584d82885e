//! Replaces sealed keys. The new key is added first, so one key opens the volume at every instant.

use anyhow::{Context as _, Result};
use libcryptsetup_rs::TokenInput;
use pattern::token::{COUNTED, Tpm2Token};
use pattern::volume::metadata::{has_type, keyslots, tokens};
use serde_json::Value;

use super::{Volume, VolumeKey, failed, passphrase};

/// A token of a header that needs a TPM.
struct Sealed {
    token: u32,
    keyslots: Vec<u32>,
    json: String,
}

impl Volume {
    /// Adds the key slot and the token of a sealed secret, calls `between`, and then removes the
    /// other sealed tokens for whose JSON text `old` returns true. Returns the new slot, and how
    /// many tokens were removed.
    ///
    /// # Errors
    /// When no slot is free, or writing fails.
    pub fn replace_sealed(
        &mut self,
        key: &VolumeKey,
        mut token: Tpm2Token,
        secret: &[u8],
        old: impl Fn(&str) -> bool,
        between: impl FnOnce() -> Result<()>,
    ) -> Result<(u32, usize)> {
        let before = self.sealed()?;
        token.keyslot = self.add_key(None, Some(key), &passphrase(secret))?;
        if let Err(error) = self.add_token(&token.to_json()) {
            // A key slot without a token would never be found again.
            self.remove_key(token.keyslot)?;
            return Err(error);
        }
        between()?;
        let old: Vec<_> = before.iter().filter(|sealed| old(&sealed.json)).collect();
        old.iter().try_for_each(|sealed| self.remove(sealed))?;
        Ok((token.keyslot, old.len()))
    }

    /// Removes the sealed tokens for whose JSON text `old` returns true, and their key slots.
    /// Returns how many were removed.
    ///
    /// # Errors
    /// When writing fails.
    pub fn remove_sealed(&mut self, old: impl Fn(&str) -> bool) -> Result<usize> {
        let sealed: Vec<_> = self.sealed()?.into_iter().filter(|sealed| old(&sealed.json)).collect();
        sealed.iter().try_for_each(|sealed| self.remove(sealed))?;
        Ok(sealed.len())
    }

    fn remove(&mut self, sealed: &Sealed) -> Result<()> {
        // The key slots come first. Otherwise a cut could leave one that no token leads to.
        sealed.keyslots.iter().try_for_each(|keyslot| self.remove_key(*keyslot))?;
        self.set_token(TokenInput::RemoveToken(sealed.token)).context("removing an old token")
    }

    pub(super) fn remove_key(&mut self, keyslot: u32) -> Result<()> {
        self.device.keyslot_handle().destroy(keyslot).map_err(failed("removing an old key slot"))
    }

    pub(super) fn metadata(&mut self) -> Result<Value> {
        self.device.status_handle().dump_json().map_err(failed("reading the LUKS2 header"))
    }

    fn sealed(&mut self) -> Result<Vec<Sealed>> {
        let is_sealed = |token: &Value| ["systemd-tpm2", COUNTED].iter().any(|kind| has_type(token, kind));
        let metadata = self.metadata()?;
        let sealed = tokens(&metadata).filter(|(_, token)| is_sealed(token));
        let sealed = sealed.map(|(number, token)| Sealed {
            token: number,
            keyslots: keyslots(token).collect(),
            json: token.to_string(),
        });
        Ok(sealed.collect())
    }
}

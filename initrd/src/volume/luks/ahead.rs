//! The slot for announced changes in the header, see [`pattern::token::ahead`].

use anyhow::{Context as _, Result, bail};
use libcryptsetup_rs::TokenInput;
use pattern::token::ahead::{Ahead, TYPE};
use pattern::volume::metadata::{has_type, keyslots, tokens, tokens_of_type};
use serde_json::Value;

use super::{Volume, VolumeKey, passphrase};

/// The number of a token for announced changes, and of the key slot that belongs to it alone.
struct Slot {
    token: u32,
    keyslot: Option<u32>,
}

impl Volume {
    /// Adds the key slot and the token, and then removes any other such slot.
    ///
    /// # Errors
    /// When no slot is free, or writing fails.
    pub fn replace_ahead(&mut self, key: &VolumeKey, mut ahead: Ahead, secret: &[u8]) -> Result<()> {
        let old = self.aheads()?;
        ahead.keyslot = self.add_key(None, Some(key), &passphrase(secret))?;
        if let Err(error) = self.add_token(&ahead.to_json()) {
            self.remove_key(ahead.keyslot)?;
            return Err(error);
        }
        old.iter().try_for_each(|slot| self.remove_slot(slot))
    }

    /// Removes all such slots. Returns how many there were.
    ///
    /// # Errors
    /// When writing fails.
    pub fn remove_ahead(&mut self) -> Result<usize> {
        let old = self.aheads()?;
        old.iter().try_for_each(|slot| self.remove_slot(slot))?;
        Ok(old.len())
    }

    /// Writes what was announced into the slot's token. It needs one write of the header and no
    /// key.
    ///
    /// # Errors
    /// When the slot is gone, or writing fails.
    pub fn announce(&mut self, ahead: &Ahead) -> Result<()> {
        let found = self.aheads()?.into_iter().find(|slot| slot.keyslot == Some(ahead.keyslot));
        let Some(Slot { token, .. }) = found else { bail!("the slot for announced changes is gone") };
        let json: Value = serde_json::from_str(&ahead.to_json()).context("writing a token")?;
        self.set_token(TokenInput::ReplaceToken(token, &json)).context("writing what was announced")
    }

    /// Returns the volume key, by the secret of such a slot.
    ///
    /// # Errors
    /// When the secret does not open the slot.
    pub fn unlock_ahead(&mut self, ahead: &Ahead, secret: &[u8]) -> Result<VolumeKey> {
        Ok(self.unlock(Some(ahead.keyslot), &passphrase(secret))?.0)
    }

    /// Returns the slots. Anyone who can write the disk can make such a token name any key slot. So
    /// a key slot that another token names is never removed.
    fn aheads(&mut self) -> Result<Vec<Slot>> {
        let metadata = self.metadata()?;
        let others = tokens(&metadata).filter(|(_, token)| !has_type(token, TYPE));
        let others: Vec<u32> = others.flat_map(|(_, token)| keyslots(token)).collect();
        let slot = |(number, token): (u32, &Value)| {
            let keyslot = Ahead::parse(&token.to_string()).ok().map(|ahead| ahead.keyslot);
            Slot { token: number, keyslot: keyslot.filter(|keyslot| !others.contains(keyslot)) }
        };
        Ok(tokens_of_type(&metadata, TYPE).map(slot).collect())
    }

    fn remove_slot(&mut self, slot: &Slot) -> Result<()> {
        slot.keyslot.map_or(Ok(()), |keyslot| self.remove_key(keyslot))?;
        self.set_token(TokenInput::RemoveToken(slot.token)).context("removing an old token")
    }
}

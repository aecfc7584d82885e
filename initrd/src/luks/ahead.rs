//! The slot for announced changes in the header, see [`pattern::token::ahead`].

use anyhow::{Context as _, Result, bail};
use libcryptsetup_rs::TokenInput;
use pattern::token::ahead::{Ahead, TYPE};
use serde_json::Value;

use super::{Volume, VolumeKey, passphrase};

impl Volume {
    /// Adds the key slot and the token; any other such slot is removed after that.
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
        old.iter().try_for_each(|(token, slots)| self.remove_slots(*token, slots))
    }

    /// Removes all such slots; returns how many there were.
    ///
    /// # Errors
    /// When writing fails.
    pub fn remove_ahead(&mut self) -> Result<usize> {
        let old = self.aheads()?;
        old.iter().try_for_each(|(token, slots)| self.remove_slots(*token, slots))?;
        Ok(old.len())
    }

    /// Writes what was announced into the token of the slot: one write of the header, at no key.
    ///
    /// # Errors
    /// When the slot is gone, or writing fails.
    pub fn announce(&mut self, ahead: &Ahead) -> Result<()> {
        let slot = ahead.keyslot.to_string();
        let found = self.aheads()?.into_iter().find(|(_, slots)| *slots == [slot.as_str()]);
        let Some((token, _)) = found else { bail!("the slot for announced changes is gone") };
        let json: Value = serde_json::from_str(&ahead.to_json()).context("writing a token")?;
        self.set_token(TokenInput::ReplaceToken(token, &json)).context("writing what was announced")
    }

    /// The volume key, by the secret of such a slot.
    ///
    /// # Errors
    /// When the secret does not open the slot.
    pub fn unlock_ahead(&mut self, ahead: &Ahead, secret: &[u8]) -> Result<VolumeKey> {
        Ok(self.unlock(Some(ahead.keyslot), &passphrase(secret))?.0)
    }

    /// The numbers of the tokens, and their key slots.
    fn aheads(&mut self) -> Result<Vec<(u32, Vec<String>)>> {
        let json = self.metadata()?;
        let tokens = json.get("tokens").and_then(Value::as_object).into_iter().flatten();
        let ours = tokens.filter(|(_, token)| token.get("type").and_then(Value::as_str) == Some(TYPE));
        let slots = |token: &Value| -> Vec<String> {
            let slots = token.get("keyslots").and_then(Value::as_array).into_iter().flatten();
            slots.filter_map(|slot| slot.as_str().map(str::to_owned)).collect()
        };
        Ok(ours.filter_map(|(id, token)| Some((id.parse().ok()?, slots(token)))).collect())
    }

    fn remove_slots(&mut self, token: u32, slots: &[String]) -> Result<()> {
        slots.iter().filter_map(|slot| slot.parse().ok()).try_for_each(|slot| self.remove_key(slot))?;
        self.set_token(TokenInput::RemoveToken(token)).context("removing an old token")
    }
}

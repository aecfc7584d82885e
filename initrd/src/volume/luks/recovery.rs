//! Recovery keys in the header: adds, removes and confirms them.

use std::path::Path;

use anyhow::{Context as _, Result, bail};
use libcryptsetup_rs::TokenInput;
use pattern::volume::recovery::{self, Escrow, RecoveryKey, RecoverySlot};

use super::{Volume, VolumeKey};

impl Volume {
    /// Returns the key slots for recovery keys.
    ///
    /// # Errors
    /// When the header can't be read.
    pub fn recovery_slots(&mut self) -> Result<Vec<RecoverySlot>> {
        Ok(recovery::slots(&self.metadata()?))
    }

    /// Adds the key slot and the token of a recovery key. Returns the slot. A
    /// [`Draft`](super::Draft) needs no volume key.
    ///
    /// # Errors
    /// When no slot is free, or writing fails.
    pub fn add_recovery(
        &mut self,
        volume_key: Option<&VolumeKey>,
        key: &RecoveryKey,
        escrow: Option<&Escrow>,
    ) -> Result<u32> {
        let keyslot = self.add_key(None, volume_key, key.as_str())?;
        let token = recovery::token(&self.metadata()?, keyslot, false, escrow);
        if let Err(error) = self.add_token(&token.to_string()) {
            // Without a token nobody would know what the slot is for.
            self.remove_key(keyslot)?;
            return Err(error);
        }
        Ok(keyslot)
    }

    /// Removes recovery keys. Everything else that opens the volume stays.
    ///
    /// # Errors
    /// When writing fails.
    pub fn remove_recovery(&mut self, slots: &[RecoverySlot]) -> Result<()> {
        slots.iter().try_for_each(|slot| self.remove_key(slot.keyslot))?;
        let mut tokens: Vec<u32> = slots.iter().map(|slot| slot.token).collect();
        tokens.dedup();
        let mut remove =
            |token| self.set_token(TokenInput::RemoveToken(token)).context("removing an old token");
        tokens.into_iter().try_for_each(&mut remove)
    }

    /// Removes a key slot, and the tokens that name no other slot. Needs a key that opens another
    /// slot, and returns that slot.
    ///
    /// # Errors
    /// When the key opens no other slot, or writing fails.
    pub fn wipe(&mut self, keyslot: u32, entered: &str) -> Result<u32> {
        let (_, by) = self.unlock_any(entered)?;
        if by == keyslot {
            bail!("this key opens keyslot {keyslot} itself; enter one that stays");
        }
        let tokens = recovery::tokens_of(&self.metadata()?, keyslot);
        self.remove_key(keyslot)?;
        let mut remove = |token| self.set_token(TokenInput::RemoveToken(token)).context("removing its token");
        tokens.into_iter().try_for_each(&mut remove)?;
        Ok(by)
    }

    /// Marks the entered recovery key as confirmed. Returns its slot.
    ///
    /// # Errors
    /// When it opens no slot, or a slot with another purpose, or writing fails.
    pub fn confirm(&mut self, entered: &str) -> Result<u32> {
        let (_, keyslot) = self.unlock_any(entered)?;
        let slots = self.recovery_slots()?;
        let Some(slot) = slots.iter().find(|slot| slot.keyslot == keyslot) else {
            bail!("this opens keyslot {keyslot}, which is for no recovery key");
        };
        // A token of another tool may stand for several slots. Only our tokens carry the mark.
        if slots.iter().filter(|other| other.token == slot.token).count() > 1 {
            bail!(
                "token {} stands for several keyslots; make a key of its own: pattern recovery new",
                slot.token
            );
        }
        let token = recovery::token(&self.metadata()?, keyslot, true, slot.escrow.as_ref());
        self.set_token(TokenInput::ReplaceToken(slot.token, &token))
            .context("marking the key as confirmed")?;
        Ok(keyslot)
    }
}

/// Checks that the header on the disk now gives the same volume key for a recovery key.
///
/// # Errors
/// When it does not.
pub fn prove(device: &Path, keyslot: u32, key: &RecoveryKey, volume_key: &VolumeKey) -> Result<()> {
    let (found, _) = Volume::load(device)?.unlock(Some(keyslot), key.as_str())?;
    if found.as_bytes() == volume_key.as_bytes() {
        return Ok(());
    }
    bail!("keyslot {keyslot} holds another volume key")
}

#[cfg(test)]
mod tests;

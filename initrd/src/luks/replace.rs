//! A new sealed key in place of the old ones. The new one comes first: there is a way in at every instant.

use anyhow::Result;
use libcryptsetup_rs::consts::flags::CryptVolumeKey;
use libcryptsetup_rs::{Either, TokenInput};
use pattern::token::Tpm2Token;
use serde_json::Value;

use super::{Volume, VolumeKey, failed, fewest_rounds, passphrase};

/// A `systemd-tpm2` token of a header.
struct Sealed {
    token: u32,
    keyslots: Vec<u32>,
}

impl Volume {
    /// Adds a key slot and the token of a sealed secret, then removes all other sealed ones; answers with the new slot,
    /// and how many old tokens are gone.
    ///
    /// # Errors
    /// When no slot is free, or writing fails.
    pub fn replace_sealed(
        &mut self,
        key: &VolumeKey,
        mut token: Tpm2Token,
        secret: &[u8],
    ) -> Result<(u32, usize)> {
        let old = self.sealed()?;
        self.device
            .settings_handle()
            .set_pbkdf_type(&fewest_rounds())
            .map_err(failed("adding a key slot"))?;
        let volume_key = Some(Either::Left(key.as_bytes()));
        let text = passphrase(secret);
        let added = self.device.keyslot_handle().add_by_key(
            None,
            volume_key,
            text.as_bytes(),
            CryptVolumeKey::empty(),
        );
        token.keyslot = added.map_err(failed("adding a key slot"))?;
        self.add_token(&token.to_json())?;
        for sealed in &old {
            self.remove(sealed)?;
        }
        Ok((token.keyslot, old.len()))
    }

    fn remove(&mut self, sealed: &Sealed) -> Result<()> {
        for keyslot in &sealed.keyslots {
            self.device.keyslot_handle().destroy(*keyslot).map_err(failed("removing an old key slot"))?;
        }
        let removed = self.device.token_handle().json_set(TokenInput::RemoveToken(sealed.token));
        removed.map(drop).map_err(failed("removing an old token"))
    }

    fn sealed(&mut self) -> Result<Vec<Sealed>> {
        let json = self.device.status_handle().dump_json().map_err(failed("reading the LUKS2 header"))?;
        let tokens = json.get("tokens").and_then(Value::as_object).into_iter().flatten();
        Ok(tokens.filter_map(|(id, token)| sealed(id, token)).collect())
    }
}

fn sealed(id: &str, token: &Value) -> Option<Sealed> {
    if token.get("type")?.as_str()? != "systemd-tpm2" {
        return None;
    }
    let keyslots = token.get("keyslots")?.as_array()?.iter();
    let keyslots = keyslots.filter_map(|slot| slot.as_str()?.parse().ok()).collect();
    Some(Sealed { token: id.parse().ok()?, keyslots })
}

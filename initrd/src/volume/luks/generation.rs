//! The token that says which copy of the volume this is.

use anyhow::Result;
use libcryptsetup_rs::TokenInput;
use pattern::record::generation::{TYPE, token};
use pattern::volume::metadata::tokens_of_type;
use serde_json::Value;

use super::{Volume, VolumeKey, failed};

impl Volume {
    /// Writes the generation to the header on the device, and replaces an earlier one. It is on the
    /// medium when this returns: libcryptsetup writes one copy of the header, flushes it, and then
    /// writes the other. Call it only after [`Volume::load`].
    ///
    /// # Errors
    /// When writing fails, for example because there is no room for a token.
    pub fn write_generation(&mut self, key: &VolumeKey, generation: u64) -> Result<()> {
        let doing = failed("writing the volume's generation");
        let json: Value = serde_json::from_str(&token(key.as_bytes(), &self.uuid()?, generation))?;
        let earlier = self.generations()?;
        let mut tokens = self.device.token_handle();
        let (first, more) = match earlier.split_first() {
            None => (TokenInput::AddToken(&json), &[][..]),
            Some((first, more)) => (TokenInput::ReplaceToken(*first, &json), more),
        };
        for one in more {
            tokens.json_set(TokenInput::RemoveToken(*one)).map_err(&doing)?;
        }
        tokens.json_set(first).map(drop).map_err(doing)
    }

    /// Returns the numbers of such tokens.
    fn generations(&mut self) -> Result<Vec<u32>> {
        Ok(tokens_of_type(&self.metadata()?, TYPE).map(|(number, _)| number).collect())
    }
}

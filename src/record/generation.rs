//! Decides whether a copy of a volume is the newest one. An old copy that is written back has the
//! volume's key, and therefore the right tag ([`crate::record::identity`]).
//!
//! By option the TPM counts the volume's openings, and a token of its LUKS2 header says at which
//! count it was last opened: the copy's generation, with a MAC by the volume's key. At each opening
//! the header is written first, and flushed. Then the TPM counts. So a power cut leaves a header
//! that is equal or one ahead, and the next boot goes on from either:
//!
//! | header | TPM | it is |
//! | --- | --- | --- |
//! | n | n | the newest copy: write n + 1, count |
//! | n + 1 | n | the newest copy, cut before the TPM counted: count, and then as above |
//! | any other, or none | n | an old copy |
//!
//! In the second case the TPM counts twice. Otherwise a copy made right after the cut would be
//! valid for one more boot. A partly written header is one of the two, since LUKS2 keeps two
//! copies. The count never goes back: a counter that is removed and made again goes on above the
//! highest count that the TPM ever had (TPM 2.0 Library, Part 3, "`TPM2_NV_Increment`").

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::Mac;
use serde_json::{Value, json};

use crate::record::identity::mac;

/// The type of the token.
pub const TYPE: &str = "pattern-generation";

/// What a header says of its generation.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Said {
    /// There is no such token.
    Nothing,
    /// There are several, or one that was not written with the volume's key.
    Forged,
    /// The header has this generation.
    Generation(u64),
}

/// Returns the token, as JSON text.
#[must_use]
pub fn token(volume_key: &[u8], uuid: &str, generation: u64) -> String {
    let mac = STANDARD.encode(of(volume_key, uuid, generation).finalize().into_bytes());
    // A LUKS2 header has numbers as text.
    json!({ "type": TYPE, "keyslots": [], "generation": generation.to_string(), "mac": mac }).to_string()
}

/// Returns what the tokens of a header say.
#[must_use]
pub fn said<'a>(tokens: impl Iterator<Item = &'a Value>, volume_key: &[u8], uuid: &str) -> Said {
    let mut ours = tokens.filter(|token| token.get("type").and_then(Value::as_str) == Some(TYPE));
    match (ours.next(), ours.next()) {
        (None, _) => Said::Nothing,
        (Some(token), None) => read(token, volume_key, uuid).map_or(Said::Forged, Said::Generation),
        _ => Said::Forged,
    }
}

fn read(token: &Value, volume_key: &[u8], uuid: &str) -> Option<u64> {
    let generation = token.get("generation")?.as_str()?.parse().ok()?;
    let written = STANDARD.decode(token.get("mac")?.as_str()?).ok()?;
    of(volume_key, uuid, generation).verify_slice(&written).is_ok().then_some(generation)
}

fn of(volume_key: &[u8], uuid: &str, generation: u64) -> hmac::Hmac<sha2::Sha256> {
    mac(volume_key, "generation").chain_update(generation.to_be_bytes()).chain_update(uuid)
}

/// A step of opening the volume. Each step is durable before the next one begins.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Step {
    /// Let the TPM count.
    Count,
    /// Write this generation to the header.
    Write(u64),
}

/// An old copy: what its header says, and the TPM's count.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Old(pub Said, pub u64);

impl fmt::Display for Old {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(said, count) = self;
        match said {
            Said::Nothing => f.write_str("its header says nothing of its generation")?,
            Said::Forged => {
                f.write_str("what its header says of its generation was not written with its key")?
            }
            Said::Generation(generation) => write!(f, "its header says generation {generation}")?,
        }
        write!(f, ", and the TPM has counted to {count}")
    }
}

impl std::error::Error for Old {}

/// Decides whether this copy may be opened, and returns the steps.
///
/// # Errors
/// When it is not the newest copy.
pub fn steps(said: Said, count: u64) -> Result<Vec<Step>, Old> {
    let next = count.checked_add(1).ok_or(Old(said, count))?;
    match said {
        Said::Generation(generation) if generation == count => Ok(vec![Step::Write(next), Step::Count]),
        Said::Generation(generation) if generation == next => {
            let after = next.checked_add(1).ok_or(Old(said, count))?;
            Ok(vec![Step::Count, Step::Write(after), Step::Count])
        }
        _ => Err(Old(said, count)),
    }
}

#[cfg(test)]
mod tests;

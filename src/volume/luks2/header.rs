//! A LUKS2 header that was found to be safe to open.

use std::ops::Range;

use serde_json::Value;

use super::copies::{Counted, counted};
use super::{Fault, vet};
use crate::record::generation::{self, Said};
use crate::token::Token;
use crate::token::ahead::Ahead;
use crate::volume::Locks;
use crate::volume::creation::{UNFINISHED, label};
use crate::volume::recovery::{self, OtherSlot, RecoverySlot};

/// What was vetted, as bytes that can be opened in place of what the device holds by then.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Header {
    uuid: String,
    metadata: Value,
    bytes: Vec<u8>,
    areas: Vec<Range<u64>>,
    length: u64,
    torn: bool,
}

impl Header {
    /// Vets the first [`header_bytes`](super::header_bytes) of a device.
    ///
    /// # Errors
    /// When no copy of the header is whole, or the one that counts asks for something else than plain encryption.
    pub fn vet(bytes: &[u8], device: u64) -> Result<Self, Fault> {
        let Counted { copy, torn } = counted(bytes)?;
        let uuid = copy.uuid()?;
        copy.names()?;
        let vetted = vet::metadata(&copy.metadata, copy.size(), device)?;
        let bytes = copy.twice();
        Ok(Self { bytes, uuid, metadata: copy.metadata, areas: vetted.areas, length: vetted.length, torn })
    }

    /// Both copies as they were vetted, the same twice: what reads them can't choose another one.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Where the key slots' material is on the device.
    #[must_use]
    pub fn areas(&self) -> &[Range<u64>] {
        &self.areas
    }

    /// Bytes from the start of the device to the end of the last possible key slot.
    #[must_use]
    pub fn length(&self) -> u64 {
        self.length
    }

    /// Whether one of the copies on the device is not what counts.
    #[must_use]
    pub fn torn(&self) -> bool {
        self.torn
    }

    /// What the volume is called: 36 characters of hexadecimal digits and hyphens.
    #[must_use]
    pub fn uuid(&self) -> &str {
        &self.uuid
    }

    /// Whether its label says that the volume was never finished.
    #[must_use]
    pub fn is_unfinished(&self) -> bool {
        label(&self.bytes) == UNFINISHED.as_bytes()
    }

    /// Whether a TPM or a recovery key opens it.
    pub(crate) fn has_locks(&self) -> bool {
        self.locks() != Locks::default()
    }

    /// The key slots for recovery keys.
    #[must_use]
    pub fn recovery_slots(&self) -> Vec<RecoverySlot> {
        recovery::slots(&self.metadata)
    }

    /// The key slots that are neither the TPM's nor for recovery keys.
    #[must_use]
    pub fn other_slots(&self) -> Vec<OtherSlot> {
        recovery::others(&self.metadata)
    }

    /// What it says of the volume's generation.
    #[must_use]
    pub fn generation(&self, volume_key: &[u8], uuid: &str) -> Said {
        generation::said(self.tokens().map(|(_, token)| token), volume_key, uuid)
    }

    /// The slots for announced changes. What can't be read is for somebody else.
    #[must_use]
    pub fn ahead(&self) -> Vec<Ahead> {
        self.tokens().filter_map(|(_, token)| Ahead::parse(&token.to_string()).ok()).collect()
    }

    fn tokens(&self) -> impl Iterator<Item = (&String, &Value)> {
        self.metadata.get("tokens").and_then(Value::as_object).into_iter().flatten()
    }

    /// The ways in that the tokens name.
    pub(crate) fn locks(&self) -> Locks {
        let mut locks = Locks::default();
        for (id, token) in self.tokens() {
            match Token::parse(&token.to_string()) {
                Ok(Token::Tpm2(token)) => locks.tokens.push(*token),
                Ok(Token::Recovery) => locks.recovery = true,
                Ok(Token::Other(_)) => {}
                Err(error) => locks.unusable.push(format!("token {id}: {error}")),
            }
        }
        locks
    }
}

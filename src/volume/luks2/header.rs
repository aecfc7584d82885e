//! A LUKS2 header that was found safe to open.

use std::ops::Range;

use serde_json::Value;

use super::copies::{Counted, counted};
use super::metadata::tokens;
use super::{Fault, vet};
use crate::record::generation::{self, Said};
use crate::token::Token;
use crate::token::ahead::Ahead;
use crate::volume::Locks;
use crate::volume::creation::{FINISHED, UNFINISHED, label};
use crate::volume::recovery::{self, Entry, OtherSlot, RecoverySlot};

/// The vetted header, as bytes that can be opened in place of what the device has by then.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Header {
    uuid: String,
    metadata: Value,
    bytes: Vec<u8>,
    areas: Vec<Range<u64>>,
    length: u64,
    /// The key slots that hold the volume key.
    bound: Vec<u32>,
    torn: bool,
}

impl Header {
    /// Vets the first [`header_bytes`](super::header_bytes) of a device.
    ///
    /// # Errors
    /// When no copy of the header is intact, or the one that is used needs something other than
    /// plain encryption.
    pub fn vet(bytes: &[u8], device: u64) -> Result<Self, Fault> {
        let Counted { copy, torn } = counted(bytes)?;
        let uuid = copy.uuid()?;
        copy.names()?;
        let vetted = vet::metadata(&copy.metadata, copy.size(), device)?;
        let bytes = copy.twice();
        let vet::Vetted { areas, length, bound } = vetted;
        Ok(Self { bytes, uuid, metadata: copy.metadata, areas, length, bound, torn })
    }

    /// Returns both copies as they were vetted. They are equal, so that no reader can pick another
    /// one.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Returns where the key slots' material is on the device.
    #[must_use]
    pub fn areas(&self) -> &[Range<u64>] {
        &self.areas
    }

    /// Returns the bytes from the start of the device to the end of the last possible key slot.
    #[must_use]
    pub fn length(&self) -> u64 {
        self.length
    }

    /// Returns whether one of the copies on the device is not the one that is used.
    #[must_use]
    pub fn torn(&self) -> bool {
        self.torn
    }

    /// Returns the volume's UUID: 36 characters of hexadecimal digits and hyphens.
    #[must_use]
    pub fn uuid(&self) -> &str {
        &self.uuid
    }

    /// Returns whether the label says that the volume was never finished.
    #[must_use]
    pub fn is_unfinished(&self) -> bool {
        label(&self.bytes) == UNFINISHED.as_bytes()
    }

    /// Returns whether the label says that the volume was finished.
    pub(crate) fn is_finished(&self) -> bool {
        label(&self.bytes) == FINISHED.as_bytes()
    }

    /// Returns whether a key slot holds the volume key.
    pub(crate) fn has_key(&self) -> bool {
        !self.bound.is_empty()
    }

    /// Returns whether a token names a TPM or a recovery key.
    pub(crate) fn has_locks(&self) -> bool {
        self.locks() != Locks::default()
    }

    /// Returns the key slots for recovery keys.
    #[must_use]
    pub fn recovery_slots(&self) -> Vec<RecoverySlot> {
        let mut slots = recovery::slots(&self.metadata);
        slots.retain(|slot| self.bound.contains(&slot.keyslot));
        slots
    }

    /// Returns what a person can open the volume with.
    #[must_use]
    pub fn entry(&self) -> Entry {
        let others = self.other_slots();
        Entry::new(
            !self.recovery_slots().is_empty(),
            others.iter().filter(|slot| self.bound.contains(&slot.keyslot)),
        )
    }

    /// Returns the key slots that are neither the TPM's nor for recovery keys. Some may hold another
    /// key than the volume's.
    #[must_use]
    pub fn other_slots(&self) -> Vec<OtherSlot> {
        recovery::others(&self.metadata)
    }

    /// Returns what the header says of the volume's generation.
    #[must_use]
    pub fn generation(&self, volume_key: &[u8], uuid: &str) -> Said {
        generation::said(tokens(&self.metadata).map(|(_, token)| token), volume_key, uuid)
    }

    /// Returns the slots for announced changes. Tokens that can't be parsed are ignored.
    #[must_use]
    pub fn ahead(&self) -> Vec<Ahead> {
        tokens(&self.metadata).filter_map(|(_, token)| Ahead::parse(&token.to_string()).ok()).collect()
    }

    /// Returns the keys that can open the volume, by its tokens.
    pub(crate) fn locks(&self) -> Locks {
        let mut locks =
            Locks { recovery: !self.recovery_slots().is_empty(), ahead: self.ahead(), ..Locks::default() };
        for (id, token) in tokens(&self.metadata) {
            match Token::parse(&token.to_string()) {
                Ok(Token::Tpm2(token)) if self.bound.contains(&token.keyslot) => locks.tokens.push(*token),
                Ok(Token::Tpm2(token)) => locks.unusable.push(format!(
                    "token {id}: key slot {} holds another key than the volume's",
                    token.keyslot
                )),
                Ok(Token::Recovery | Token::Other(_)) => {}
                Err(error) => locks.unusable.push(format!("token {id}: {error}")),
            }
        }
        locks
    }
}

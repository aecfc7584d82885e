//! Parses the event log of the firmware, in the crypto-agile format (TCG PC Client Platform
//! Firmware Profile, "Event Logging").
//!
//! Anybody can have written it. It is only trusted as far as the TPM's register confirms it.

use std::fmt;

use sha2::{Digest, Sha256, Sha384};

use super::reader::Reader;
use super::{Measured, PCR};
use crate::token::Bank;

/// Real logs have a few tens of kilobytes, and about a hundred with large databases.
const LARGEST: usize = 4 << 20;
/// `TPM_ALG_ID` of the banks (TCG Algorithm Registry).
const SHA256: u16 = 0x000b;
const SHA384: u16 = 0x000c;
/// More banks than a TPM has.
const MOST_BANKS: u32 = 16;
/// The event that lists the banks.
const SPEC_ID: &[u8; 16] = b"Spec ID Event03\0";
/// The event that says from which locality the TPM was started. Without it, that was 0.
const LOCALITY: &[u8; 16] = b"StartupLocality\0";
/// `EV_NO_ACTION`: an event that extended nothing.
const NO_ACTION: u32 = 3;

/// The events of all registers, in the order in which they were measured.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Log {
    events: Vec<Event>,
    /// Where the TPM was started from, which PCR 0 begins with.
    locality: u8,
}

/// One extension of a register.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Event {
    pcr: u32,
    pub(crate) kind: u32,
    pub(crate) data: Vec<u8>,
    digests: Vec<(u16, Vec<u8>)>,
}

/// Why a log is not usable.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LogError {
    /// Larger than any real log.
    TooLarge,
    /// Does not start with the event that lists the banks.
    NotCryptoAgile,
    /// This event is cut off, or malformed. The first event has the number 1.
    Malformed(usize),
    /// An event has no digest for this bank.
    NoBank(Bank),
    /// The events do not lead to the value that the TPM has in this register.
    OtherValue(u8, Bank),
}

impl fmt::Display for LogError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLarge => write!(f, "the firmware's event log is larger than {} MiB", LARGEST >> 20),
            Self::NotCryptoAgile => f.write_str("the firmware's event log is not in the format of TPM 2.0"),
            Self::Malformed(number) => write!(f, "event {number} of the firmware's event log is malformed"),
            Self::NoBank(bank) => {
                write!(f, "the firmware's event log has no digests for the {} bank", bank.name())
            }
            Self::OtherValue(pcr, bank) => write!(
                f,
                "the firmware's event log does not lead to the TPM's value of PCR {pcr} ({})",
                bank.name()
            ),
        }
    }
}

impl std::error::Error for LogError {}

impl Log {
    /// Parses the content of `/sys/kernel/security/tpm0/binary_bios_measurements`.
    ///
    /// # Errors
    /// When it is not a complete log.
    pub fn parse(bytes: &[u8]) -> Result<Self, LogError> {
        if bytes.len() > LARGEST {
            return Err(LogError::TooLarge);
        }
        let mut reader = Reader(bytes);
        let banks = banks(&mut reader).ok_or(LogError::NotCryptoAgile)?;
        let mut events = Vec::new();
        let (mut number, mut locality) = (1, 0);
        while !reader.0.is_empty() {
            number += 1;
            let event = event(&mut reader, &banks).ok_or(LogError::Malformed(number))?;
            if event.kind != NO_ACTION {
                events.push(event);
            } else if let (0, Some([from])) = (event.pcr, event.data.strip_prefix(LOCALITY)) {
                locality = *from;
            }
        }
        Ok(Self { events, locality })
    }

    /// Returns the events of one register.
    pub(crate) fn of(&self, pcr: u8) -> impl Iterator<Item = &Event> {
        self.events.iter().filter(move |event| event.pcr == u32::from(pcr))
    }

    /// Returns the digests that one register was extended with.
    ///
    /// # Errors
    /// When an event has none for this bank.
    pub(crate) fn digests(&self, pcr: u8, bank: Bank) -> Result<Vec<Vec<u8>>, LogError> {
        let digests = self.of(pcr).map(|event| event.digest(bank).map(<[u8]>::to_vec));
        digests.collect::<Option<_>>().ok_or(LogError::NoBank(bank))
    }

    /// Returns the value that the events lead to in one register.
    ///
    /// # Errors
    /// When an event has no digest for this bank.
    pub fn value(&self, pcr: u8, bank: Bank) -> Result<Vec<u8>, LogError> {
        Ok(self.replay(pcr, bank, self.digests(pcr, bank)?.iter().map(Vec::as_slice)))
    }

    /// Returns the value of a register of this boot that was extended with these digests. It begins with zeros, but for the last byte
    /// of PCR 0 (TCG PC Client Platform Firmware Profile, "Startup Locality Event").
    pub(crate) fn replay<'a>(
        &self,
        pcr: u8,
        bank: Bank,
        digests: impl IntoIterator<Item = &'a [u8]>,
    ) -> Vec<u8> {
        let mut start = bank.zeros();
        if let (0, Some(last)) = (pcr, start.last_mut()) {
            *last = self.locality;
        }
        extended(bank, start, digests)
    }

    /// Compares the log with PCR 7. The digests of the returned log are those that were measured.
    ///
    /// # Errors
    /// When the events do not lead to this value.
    pub fn check(&self, bank: Bank, value: &[u8]) -> Result<Measured<'_>, LogError> {
        if self.value(PCR, bank)? != value {
            return Err(LogError::OtherValue(PCR, bank));
        }
        Ok(Measured { log: self, bank })
    }
}

impl Event {
    pub(crate) fn digest(&self, bank: Bank) -> Option<&[u8]> {
        let wanted = algorithm(bank);
        self.digests.iter().find(|(algorithm, _)| *algorithm == wanted).map(|(_, digest)| &digest[..])
    }
}

/// Returns the value of a register that began with zeros and was extended with these digests.
pub(crate) fn replay<'a>(bank: Bank, digests: impl IntoIterator<Item = &'a [u8]>) -> Vec<u8> {
    extended(bank, bank.zeros(), digests)
}

fn extended<'a>(bank: Bank, start: Vec<u8>, digests: impl IntoIterator<Item = &'a [u8]>) -> Vec<u8> {
    digests.into_iter().fold(start, |value, one| digest(bank, &[&value, one].concat()))
}

pub(super) fn digest(bank: Bank, data: &[u8]) -> Vec<u8> {
    digest_of(bank, &[data])
}

/// Returns the digest of these parts, one behind the other.
pub(crate) fn digest_of(bank: Bank, parts: &[&[u8]]) -> Vec<u8> {
    fn all<D: Digest>(parts: &[&[u8]]) -> Vec<u8> {
        parts.iter().fold(D::new(), |hash, part| hash.chain_update(part)).finalize().to_vec()
    }
    match bank {
        Bank::Sha256 => all::<Sha256>(parts),
        Bank::Sha384 => all::<Sha384>(parts),
    }
}

fn algorithm(bank: Bank) -> u16 {
    match bank {
        Bank::Sha256 => SHA256,
        Bank::Sha384 => SHA384,
    }
}

/// Returns the banks, with the bytes of a digest in each. Only the first event has the format of
/// TPM 1.2, with one SHA-1 digest.
fn banks(reader: &mut Reader<'_>) -> Option<Vec<(u16, usize)>> {
    let (_pcr, kind, _digest) = (reader.u32()?, reader.u32()?, reader.take(20)?);
    let size = reader.size()?;
    let mut event = Reader(reader.take(size)?);
    if kind != NO_ACTION || event.take(16)? != SPEC_ID {
        return None;
    }
    // Platform class, version, and the size of numbers.
    let _about = event.take(8)?;
    let count = event.u32().filter(|count| (1..=MOST_BANKS).contains(count))?;
    let banks = (0..count).map(|_| Some((event.u16()?, usize::from(event.u16()?))));
    let banks: Vec<_> = banks.collect::<Option<_>>()?;
    let vendor = event.u8()?;
    let _information = event.take(usize::from(vendor))?;
    event.0.is_empty().then_some(banks)
}

/// Parses a `TCG_PCR_EVENT2`.
fn event(reader: &mut Reader<'_>, banks: &[(u16, usize)]) -> Option<Event> {
    let (pcr, kind) = (reader.u32()?, reader.u32()?);
    let count = reader.u32().filter(|count| *count <= MOST_BANKS)?;
    let mut digests: Vec<(u16, Vec<u8>)> = Vec::new();
    for _ in 0..count {
        let algorithm = reader.u16()?;
        let (_, size) = banks.iter().find(|(one, _)| *one == algorithm)?;
        let digest = reader.take(*size)?;
        if digests.iter().any(|(one, _)| *one == algorithm) {
            return None;
        }
        digests.push((algorithm, digest.to_vec()));
    }
    let size = reader.size()?;
    let data = reader.take(size)?.to_vec();
    Some(Event { pcr, kind, data, digests })
}

#[cfg(test)]
mod tests;

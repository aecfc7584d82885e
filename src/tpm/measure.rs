//! What the initrd measures into PCRs, and the log of it. Both are in systemd's format, so that a
//! replay of systemd's log gives the registers' values (UAPI.7, "Linux TPM PCR Registry").
//!
//! The log's format is that of systemd 257 (`tpm2_userspace_log` in its `src/shared/tpm2-util.c`):
//! JSON text sequences (RFC 7464), each with the fields of a TCG Canonical Event Log record.

use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha1::Sha1;
use sha2::{Digest, Sha256, Sha384, Sha512};

use crate::hex;
use crate::token::Bank;

/// systemd's log of what user space measured.
pub const LOG: &str = "/run/log/systemd/tpm2-measure.log";
/// The PCR of the unified kernel image and of the boot's phases.
pub const PHASES: u8 = 11;
/// The PCR of the system's identity: machine ID, file systems, volume keys.
pub const IDENTITY: u8 = 15;
/// Measured when the initrd begins.
pub const ENTER_INITRD: &str = "enter-initrd";
/// Measured when the initrd ends.
pub const LEAVE_INITRD: &str = "leave-initrd";
/// Measured as identity in a boot that opened no volume, so that nothing opens one later.
pub const NO_VOLUME: &str = "pattern:no-volume";

/// A bank that a TPM may have.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs)]
pub enum Hash {
    Sha1,
    Sha256,
    Sha384,
    Sha512,
}

impl Hash {
    /// All banks.
    pub const ALL: [Self; 4] = [Self::Sha1, Self::Sha256, Self::Sha384, Self::Sha512];

    /// Returns the name, in the log and under `/sys/class/tpm/tpm0/pcr-*`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Sha1 => "sha1",
            Self::Sha256 => "sha256",
            Self::Sha384 => "sha384",
            Self::Sha512 => "sha512",
        }
    }

    fn digest(self, data: &[u8]) -> Vec<u8> {
        match self {
            Self::Sha1 => Sha1::digest(data).to_vec(),
            Self::Sha256 => Sha256::digest(data).to_vec(),
            Self::Sha384 => Sha384::digest(data).to_vec(),
            Self::Sha512 => Sha512::digest(data).to_vec(),
        }
    }

    fn keyed(self, key: &[u8], data: &[u8]) -> Vec<u8> {
        match self {
            Self::Sha1 => mac::<Hmac<Sha1>>(key, data),
            Self::Sha256 => mac::<Hmac<Sha256>>(key, data),
            Self::Sha384 => mac::<Hmac<Sha384>>(key, data),
            Self::Sha512 => mac::<Hmac<Sha512>>(key, data),
        }
    }
}

fn mac<M: Mac + KeyInit>(key: &[u8], data: &[u8]) -> Vec<u8> {
    // HMAC accepts a key of any length.
    M::new_from_slice(key)
        .map(|mac| mac.chain_update(data).finalize().into_bytes().to_vec())
        .unwrap_or_default()
}

/// One extension of one PCR in all banks.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Measurement {
    /// The register.
    pub pcr: u8,
    /// What is measured, as text for the log. It has no secret.
    pub text: String,
    /// One digest for each bank.
    pub digests: Vec<(Hash, Vec<u8>)>,
    kind: Option<&'static str>,
}

impl Measurement {
    /// Measures a phase of the boot, like `systemd-pcrextend`.
    #[must_use]
    pub fn phase(word: &str, banks: &[Hash]) -> Self {
        Self::plain(PHASES, word, Some("phase"), banks)
    }

    /// Measures that this boot has no volume.
    #[must_use]
    pub fn no_volume(banks: &[Hash]) -> Self {
        Self::plain(IDENTITY, NO_VOLUME, None, banks)
    }

    /// Measures an opened volume, like `systemd-cryptsetup` with `tpm2-measure-pcr=yes`. This does
    /// not reveal the key: it keys a digest of the name.
    #[must_use]
    pub fn volume(name: &str, uuid: &str, key: &[u8], banks: &[Hash]) -> Self {
        let text = format!("cryptsetup:{name}:{uuid}");
        let digests = banks.iter().map(|bank| (*bank, bank.keyed(key, text.as_bytes()))).collect();
        Self { pcr: IDENTITY, text, digests, kind: Some("volume-key") }
    }

    fn plain(pcr: u8, text: &str, kind: Option<&'static str>, banks: &[Hash]) -> Self {
        let digests = banks.iter().map(|bank| (*bank, bank.digest(text.as_bytes()))).collect();
        Self { pcr, text: text.to_owned(), digests, kind }
    }

    /// Returns the record for the log. `boot_id` has 32 hexadecimal digits. `microseconds` counts
    /// from power-on.
    #[must_use]
    pub fn record(&self, boot_id: &str, microseconds: u64) -> String {
        let digests = self
            .digests
            .iter()
            .map(|(bank, digest)| json!({ "hashAlg": bank.name(), "digest": hex::encode(digest) }));
        let mut content = json!({ "string": self.text, "bootId": boot_id, "timestamp": microseconds });
        if let (Some(kind), Some(fields)) = (self.kind, content.as_object_mut()) {
            fields.insert("eventType".to_owned(), kind.into());
        }
        let record = json!({
            "pcr": self.pcr,
            "digests": digests.collect::<Vec<_>>(),
            "content_type": "systemd",
            "content": content,
        });
        format!("\u{1e}{record}\n")
    }
}

/// Returns the value of a PCR into which only a text was measured.
#[must_use]
pub fn alone(text: &str, bank: Bank) -> Vec<u8> {
    let hash = match bank {
        Bank::Sha256 => Hash::Sha256,
        Bank::Sha384 => Hash::Sha384,
    };
    hash.digest(&[bank.zeros(), hash.digest(text.as_bytes())].concat())
}

/// Returns whether the log says that anyone measured a text into a PCR in this boot.
#[must_use]
pub fn said(log: &str, pcr: u8, text: &str) -> bool {
    let records = log.split('\u{1e}').filter_map(|record| serde_json::from_str::<Value>(record).ok());
    records.into_iter().any(|record| record["pcr"] == pcr && record["content"]["string"] == text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_phase_is_the_digest_of_its_word() {
        let measurement = Measurement::phase(ENTER_INITRD, &Hash::ALL);
        let digests: Vec<_> = measurement.digests.iter().map(|(_, digest)| hex::encode(digest)).collect();
        // printf enter-initrd | sha1sum, sha256sum
        assert_eq!(digests[0], "b1b01d5f73f321eb70e76f8a0e241ac0a3fa4a6e");
        assert_eq!(measurement.digests[3].1.len(), 64);
    }

    #[test]
    fn a_volume_is_a_digest_of_its_name_under_its_key() {
        let measurement = Measurement::volume("persist", "u", b"key", &[Hash::Sha256]);
        assert_eq!(measurement.text, "cryptsetup:persist:u");
        // printf cryptsetup:persist:u | openssl dgst -sha256 -hmac key
        assert_eq!(
            hex::encode(&measurement.digests[0].1),
            "d33dbef61386b7f55346666781e152dc47e112f360320bf270fb565b94f09574"
        );
    }

    #[test]
    fn a_word_alone_extends_zeros() {
        // (head -c 32 /dev/zero; printf enter-initrd | sha256sum | xxd -r -p) | sha256sum
        let value = hex::encode(&alone(ENTER_INITRD, Bank::Sha256));
        assert_eq!(value, "d15b0e8e244e65c40f024e95773f2347ce4ef3ffe6b597c9a14b50bbab6df319");
        assert_eq!(alone(ENTER_INITRD, Bank::Sha384).len(), 48);
    }

    #[test]
    fn a_record_is_read_back() {
        let measurement = Measurement::phase(LEAVE_INITRD, &[Hash::Sha256]);
        let log = format!("garbage{}{}", measurement.record("00", 5), measurement.record("00", 6));
        assert!(said(&log, PHASES, LEAVE_INITRD));
        assert!(!said(&log, PHASES, ENTER_INITRD));
        assert!(!said(&log, IDENTITY, LEAVE_INITRD));
        assert!(!said("", PHASES, LEAVE_INITRD));
    }

    #[test]
    fn records_are_those_of_systemd() {
        let measurement = Measurement::phase(ENTER_INITRD, &[]);
        let wanted = "\u{1e}{\"content\":{\"bootId\":\"ab\",\"eventType\":\"phase\",\"string\":\"enter-initrd\",\"timestamp\":7},\
            \"content_type\":\"systemd\",\"digests\":[],\"pcr\":11}\n";
        assert_eq!(measurement.record("ab", 7), wanted);
        assert!(!Measurement::no_volume(&[]).record("ab", 7).contains("eventType"));
    }
}

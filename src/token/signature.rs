//! Parses the signatures of a unified kernel image: `tpm2-pcr-signature.json`, from its section
//! `.pcrsig`, as `systemd-measure sign` writes it.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};

use super::{Bank, Digest, Pcrs, Signed, json};

/// Longest file in bytes: a hundred signatures of RSA-4096. The file comes from a disk that anybody
/// may have written.
const TEXT_LIMIT: usize = 128 * 1024;

/// The signatures of one file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Signatures(Map<String, Value>);

/// A policy over PCR values that a key's owner approved.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Approval {
    /// The policy.
    pub policy: Digest,
    /// RSASSA-PKCS1-v1_5 with SHA-256, over the policy.
    pub signature: Vec<u8>,
}

/// Why a text is not such a file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SignatureError(String);

impl fmt::Display for SignatureError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no file of PCR signatures: {}", self.0)
    }
}

impl std::error::Error for SignatureError {}

/// Why no signature matches in this boot.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Unsigned {
    /// There are no signatures.
    NoFile(Pcrs, Bank),
    /// All signatures are by other keys, or for other PCRs.
    OtherKey(Pcrs, Bank),
    /// The key's owner signed other values.
    OtherBoot(Pcrs, Bank),
    /// A signature claims to be by the key, and is not.
    Forged(Pcrs, Bank),
}

impl fmt::Display for Unsigned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::NoFile(pcrs, bank)
        | Self::OtherKey(pcrs, bank)
        | Self::OtherBoot(pcrs, bank)
        | Self::Forged(pcrs, bank)) = self;
        let pcrs = format!("PCR {pcrs} ({})", bank.name());
        match self {
            Self::NoFile(..) => {
                write!(f, "this image brought no signatures, and the volume asks for one for {pcrs}")
            }
            Self::OtherKey(..) => {
                write!(
                    f,
                    "no signature for {pcrs} in this image is by the key that the volume is bound to: \
                     a version with a higher image.epoch was kept since, or this image is signed by somebody else"
                )
            }
            Self::OtherBoot(..) => write!(
                f,
                "{pcrs} has a value without a signature: this is another image, or a later phase of the boot, \
                 than the ones that were signed"
            ),
            Self::Forged(..) => write!(f, "the signature for {pcrs} in this image is not valid"),
        }
    }
}

impl std::error::Error for Unsigned {}

impl Signatures {
    /// Parses the JSON text.
    ///
    /// # Errors
    /// When it is not an object.
    pub fn parse(text: &str) -> Result<Self, SignatureError> {
        if text.len() > TEXT_LIMIT {
            return Err(SignatureError(format!("longer than {TEXT_LIMIT} bytes")));
        }
        match serde_json::from_str(text) {
            Ok(Value::Object(banks)) => Ok(Self(banks)),
            Ok(_) => Err(SignatureError("no JSON object".to_owned())),
            Err(error) => Err(SignatureError(error.to_string())),
        }
    }

    /// Returns what the key's owner signed for these PCRs. Entries that can't be parsed are
    /// ignored. So are entries with a reference for the policy (systemd 261), which our policies do
    /// not have.
    #[must_use]
    pub fn by(&self, signed: &Signed, bank: Bank) -> Vec<Approval> {
        let entries = self.0.get(bank.name()).and_then(Value::as_array).into_iter().flatten();
        let fingerprint = signed.key.fingerprint();
        entries.filter_map(|entry| approval(entry, signed.pcrs, fingerprint)).collect()
    }

    /// Returns the fingerprints of the keys that signed values of PCR 11, each once.
    #[must_use]
    pub fn keys_for_pcr_11(&self) -> Vec<Digest> {
        let entries = self.0.values().filter_map(Value::as_array).flatten();
        let ours = entries.filter(|entry| entry.get("pcrs") == Some(&Value::from([11].as_slice())));
        let mut keys = Vec::new();
        for key in ours.filter_map(|entry| json::digest(entry.get("pkfp")?.as_str()?)) {
            if !keys.contains(&key) {
                keys.push(key);
            }
        }
        keys
    }
}

fn approval(entry: &Value, pcrs: Pcrs, fingerprint: Digest) -> Option<Approval> {
    let numbers: Option<Vec<u64>> = entry.get("pcrs")?.as_array()?.iter().map(Value::as_u64).collect();
    let digest = |field| json::digest(entry.get(field)?.as_str()?);
    let meant =
        Pcrs::new(numbers?).ok()? == pcrs && digest("pkfp")? == fingerprint && entry.get("ref").is_none();
    let signature = STANDARD.decode(entry.get("sig")?.as_str()?).ok()?;
    meant.then_some(Approval { policy: digest("pol")?, signature })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::token::{PublicKey, policy_digest, samples};

    fn signed(pcr: u64) -> Signed {
        Signed { key: PublicKey::parse(samples::PEM).unwrap(), pcrs: Pcrs::new([pcr]).unwrap() }
    }

    fn found(text: &str) -> usize {
        Signatures::parse(text).unwrap().by(&signed(11), Bank::Sha256).len()
    }

    #[test]
    fn a_file_of_systemd_measure_is_read() {
        let signatures = Signatures::parse(samples::SIGNATURES).unwrap();
        let approvals = signatures.by(&signed(11), Bank::Sha256);
        let value = json::digest(samples::PCR_11).unwrap().to_vec();
        let policy = policy_digest(signed(11).pcrs, Bank::Sha256, &[value]);
        assert_eq!(approvals.len(), 1);
        assert_eq!((approvals[0].policy, approvals[0].signature.len()), (policy, 256));
        assert!(signatures.by(&signed(12), Bank::Sha256).is_empty());
        assert!(signatures.by(&signed(11), Bank::Sha384).is_empty());
    }

    #[test]
    fn entries_for_others_are_passed_over() {
        let sample = samples::SIGNATURES;
        assert_eq!(found(&sample.replace("[11]", "[11,12]")), 0);
        assert_eq!(found(&sample.replace("\"pkfp\":\"6e", "\"pkfp\":\"6f")), 0);
        assert_eq!(found(&sample.replace("\"pol\":", "\"ref\":\"AA==\",\"pol\":")), 0);
        assert_eq!(found(&sample.replace("\"sig\":\"", "\"sig\":\"!")), 0);
        assert_eq!(found(r#"{"sha256":[1,{"pcrs":11},{}]}"#), 0);
        let twice = sample.replace("[{", r#"[{"pcrs":[4]},{"#);
        assert_eq!(found(&twice), 1);
    }

    #[test]
    fn the_keys_that_signed_are_listed_once() {
        let keys = |text: &str| Signatures::parse(text).unwrap().keys_for_pcr_11();
        let key = signed(11).key.fingerprint();
        assert_eq!(keys(samples::SIGNATURES), [key]);
        let other = samples::SIGNATURES.replace("\"pkfp\":\"6e", "\"pkfp\":\"6f");
        let both = format!("{{\"sha256\":[{},{}]}}", entry(samples::SIGNATURES), entry(&other));
        assert_eq!(keys(&both).len(), 2);
        assert!(keys(&samples::SIGNATURES.replace("[11]", "[12]")).is_empty());
    }

    /// The entry of a file that has one.
    fn entry(text: &str) -> &str {
        &text[text.find("[{").unwrap() + 1..=text.rfind("}]").unwrap()]
    }

    #[test]
    fn another_text_is_refused() {
        let refused = |text: &str| Signatures::parse(text).unwrap_err().to_string();
        assert_eq!(refused("[]"), "no file of PCR signatures: no JSON object");
        assert!(refused("{").starts_with("no file of PCR signatures: EOF"));
        assert!(refused(&" ".repeat(TEXT_LIMIT + 1)).ends_with("longer than 131072 bytes"));
    }
}

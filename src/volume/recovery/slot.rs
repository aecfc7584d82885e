//! What a LUKS2 header says of its recovery keys: our own fields in the token that
//! `systemd-cryptenroll` makes for one. Other tools do not change these fields, and remove them
//! with the token.
//!
//! The fields are valid only for the key slot's present key. They are tied to its salt, which is
//! drawn again with each key.

use std::fmt;

use serde_json::{Value, json};

use crate::age::Recipient;
use crate::volume::metadata::{keyslots, tokens_of_type};

/// Type of the token.
const KIND: &str = "systemd-recovery";
/// The field that holds our fields.
const OURS: &str = "pattern";

/// A key slot for a recovery key.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RecoverySlot {
    /// The token's number.
    pub token: u32,
    /// The key slot's number.
    pub keyslot: u32,
    /// Whether the owner has entered the key since it was made.
    pub confirmed: bool,
    /// The key, encrypted.
    pub escrow: Option<Escrow>,
}

/// A recovery key, encrypted for others.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Escrow {
    /// Public keys. Anyone who has the secret key of one of them can read the recovery key.
    pub recipients: Vec<String>,
    /// An armored age file. Its content is the key and a line end.
    pub file: String,
}

/// Says whether the recovery key was confirmed, and who can read its escrow.
impl fmt::Display for RecoverySlot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let confirmed = if self.confirmed { "confirmed" } else { "not confirmed" };
        write!(f, "keyslot {}: {confirmed}; ", self.keyslot)?;
        match &self.escrow {
            Some(escrow) => write!(f, "in escrow for {}", escrow.recipients.join(", ")),
            None => f.write_str("not in escrow"),
        }
    }
}

/// Returns the recovery keys of a header, by its JSON metadata, in the order of the tokens.
#[must_use]
pub fn slots(metadata: &Value) -> Vec<RecoverySlot> {
    let ours = tokens_of_type(metadata, KIND);
    let named = ours.flat_map(|(number, token)| keyslots(token).map(move |keyslot| (number, keyslot, token)));
    let mut found: Vec<_> =
        named.map(|(number, keyslot, token)| slot(metadata, number, keyslot, token.get(OURS))).collect();
    found.sort_by_key(|slot| (slot.token, slot.keyslot));
    found
}

fn slot(metadata: &Value, token: u32, keyslot: u32, ours: Option<&Value>) -> RecoverySlot {
    let ours = ours.filter(|ours| {
        let salt = ours.get("salt").and_then(Value::as_str);
        salt.is_some() && salt == self::salt(metadata, keyslot)
    });
    let confirmed = ours.and_then(|ours| ours.get("confirmed")?.as_bool()).unwrap_or(false);
    RecoverySlot { token, keyslot, confirmed, escrow: ours.and_then(escrow) }
}

/// Parses the escrow. Anybody may have written the header, so only valid keys are shown.
fn escrow(ours: &Value) -> Option<Escrow> {
    let recipients = ours.get("recipients")?.as_array()?.iter();
    let recipients = recipients.map(|text| Some(Recipient::parse(text.as_str()?).ok()?.as_str().to_owned()));
    Some(Escrow {
        recipients: recipients.collect::<Option<_>>()?,
        file: ours.get("escrow")?.as_str()?.to_owned(),
    })
}

fn salt(metadata: &Value, keyslot: u32) -> Option<&str> {
    metadata.get("keyslots")?.get(keyslot.to_string())?.get("kdf")?.get("salt")?.as_str()
}

/// Returns the token for a key slot that the metadata already has.
#[must_use]
pub fn token(metadata: &Value, keyslot: u32, confirmed: bool, escrow: Option<&Escrow>) -> Value {
    let mut ours = json!({ "salt": salt(metadata, keyslot), "confirmed": confirmed });
    if let Some(escrow) = escrow {
        ours["recipients"] = json!(escrow.recipients);
        ours["escrow"] = json!(escrow.file);
    }
    json!({ "type": KIND, "keyslots": [keyslot.to_string()], OURS: ours })
}

/// Returns the message for each login until the problem is solved. `wanted` says whether the image
/// requires a recovery key, or a person has no other key that opens the volume.
#[must_use]
pub fn warning(slots: &[RecoverySlot], wanted: bool) -> Option<&'static str> {
    if slots.iter().any(|slot| slot.confirmed) || (slots.is_empty() && !wanted) {
        return None;
    }
    Some(if slots.is_empty() {
        "The persist volume has no recovery key. If the TPM does not open the volume, everything in it is lost. \
         To make a recovery key, run: pattern recovery new"
    } else {
        "The recovery key of this machine has not been confirmed. If you have the key, run: pattern recovery confirm. \
         If you do not have it, run: pattern recovery new"
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const PUBLIC: &str = "age17w23j4qn8rwklwqyv0uh750698dnwafk64h428vrg6uke8unvpjs9hcc92";

    fn metadata() -> Value {
        let slot = |salt: &str| json!({ "kdf": { "salt": salt } });
        json!({ "keyslots": { "0": slot("A"), "1": slot("B") }, "tokens": {} })
    }

    fn kept() -> Escrow {
        Escrow { recipients: vec![PUBLIC.to_owned()], file: "-----BEGIN".to_owned() }
    }

    fn with(mut metadata: Value, token: Value) -> Value {
        metadata["tokens"]["3"] = token;
        metadata
    }

    #[test]
    fn a_token_is_read_as_it_was_written() {
        let token = token(&metadata(), 1, true, Some(&kept()));
        let metadata = with(metadata(), token);
        let expected = RecoverySlot { token: 3, keyslot: 1, confirmed: true, escrow: Some(kept()) };
        assert_eq!(slots(&metadata), std::slice::from_ref(&expected));
        assert_eq!(expected.to_string(), format!("keyslot 1: confirmed; in escrow for {PUBLIC}"));
    }

    #[test]
    fn another_key_in_the_slot_was_neither_confirmed_nor_escrowed() {
        let token = token(&metadata(), 1, true, Some(&kept()));
        let mut metadata = with(metadata(), token);
        metadata["keyslots"]["1"]["kdf"]["salt"] = json!("C");
        assert_eq!(slots(&metadata)[0].to_string(), "keyslot 1: not confirmed; not in escrow");
        metadata["keyslots"].as_object_mut().unwrap().remove("1");
        assert!(!slots(&metadata)[0].confirmed);
    }

    #[test]
    fn tokens_of_other_tools_are_recovery_keys_too() {
        let token = json!({ "type": "systemd-recovery", "keyslots": ["0", "1"] });
        let found = slots(&with(metadata(), token));
        assert_eq!(found.iter().map(|slot| slot.keyslot).collect::<Vec<_>>(), [0, 1]);
        assert!(slots(&with(metadata(), json!({ "type": "systemd-tpm2", "keyslots": ["0"] }))).is_empty());
        assert!(slots(&with(metadata(), json!({ "type": "systemd-recovery" }))).is_empty());
        assert!(slots(&json!({})).is_empty());
    }

    #[test]
    fn what_is_no_public_key_is_not_shown() {
        let mut token = token(&metadata(), 1, false, Some(&kept()));
        token["pattern"]["recipients"] = json!(["\u{1b}[2J"]);
        assert_eq!(slots(&with(metadata(), token))[0].escrow, None);
    }

    #[test]
    fn people_are_told_until_the_key_is_confirmed() {
        let slot = |confirmed| RecoverySlot { token: 0, keyslot: 1, confirmed, escrow: None };
        assert!(warning(&[slot(false)], false).unwrap().contains("pattern recovery confirm"));
        assert_eq!(warning(&[slot(false), slot(true)], true), None);
        assert!(warning(&[], true).unwrap().contains("has no recovery key"));
        assert_eq!(warning(&[], false), None);
    }
}

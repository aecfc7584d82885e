//! Key slots that none of our commands make: passphrases, and what other tools enroll.

use std::fmt;

use serde_json::Value;

use crate::plain::plain;
use crate::token::COUNTED;
use crate::volume::metadata::{keyslots, tokens};

/// Types of the tokens that our commands make.
const OURS: [&str; 4] = ["systemd-tpm2", COUNTED, "systemd-recovery", crate::token::ahead::TYPE];
/// Longest type that is shown in full. Whoever writes a header chooses it.
const LONGEST: usize = 40;

/// A key slot that is neither the TPM's nor for a recovery key.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OtherSlot {
    /// Its number.
    pub keyslot: u32,
    /// Types of the tokens that name it, safe to show.
    pub tokens: Vec<String>,
}

/// Says what opens it.
impl fmt::Display for OtherSlot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "keyslot {}: ", self.keyslot)?;
        if self.tokens.is_empty() {
            return f.write_str("a passphrase or a key file");
        }
        write!(f, "what its token says ({})", self.tokens.join(", "))
    }
}

/// Returns the other key slots of a header, by its JSON metadata, in the order of their numbers.
#[must_use]
pub fn others(metadata: &Value) -> Vec<OtherSlot> {
    let slots = metadata.get("keyslots").and_then(Value::as_object).into_iter().flatten();
    let mut found: Vec<_> = slots.filter_map(|(name, _)| other(metadata, name.parse().ok()?)).collect();
    found.sort_by_key(|slot| slot.keyslot);
    found
}

fn other(metadata: &Value, keyslot: u32) -> Option<OtherSlot> {
    let kinds: Vec<&str> =
        naming(metadata, keyslot).filter_map(|(_, token)| token.get("type")?.as_str()).collect();
    if kinds.iter().any(|kind| OURS.contains(kind)) {
        return None;
    }
    Some(OtherSlot { keyslot, tokens: kinds.into_iter().map(shown).collect() })
}

fn shown(kind: &str) -> String {
    let line = plain(kind);
    let start: String = line.chars().take(LONGEST).collect();
    if start.len() < line.len() { format!("{start}...") } else { line }
}

/// Returns the tokens that name only this key slot, and so are meaningless without it.
#[must_use]
pub fn tokens_of(metadata: &Value, keyslot: u32) -> Vec<u32> {
    let alone = naming(metadata, keyslot).filter(|(_, token)| keyslots(token).count() == 1);
    alone.map(|(number, _)| number).collect()
}

fn naming(metadata: &Value, keyslot: u32) -> impl Iterator<Item = (u32, &Value)> {
    tokens(metadata).filter(move |(_, token)| keyslots(token).any(|named| named == keyslot))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn metadata(tokens: &Value) -> Value {
        json!({ "keyslots": { "0": {}, "1": {}, "10": {}, "2": {} }, "tokens": tokens })
    }

    #[test]
    fn what_our_commands_make_is_not_among_the_others() {
        let metadata = metadata(&json!({
            "0": { "type": "systemd-tpm2", "keyslots": ["0"] },
            "1": { "type": "systemd-recovery", "keyslots": ["1"] },
            "2": { "type": "systemd-fido2", "keyslots": ["2"] },
            "3": { "type": "pattern-generation", "keyslots": [] },
        }));
        let found: Vec<String> = others(&metadata).iter().map(ToString::to_string).collect();
        assert_eq!(
            found,
            ["keyslot 2: what its token says (systemd-fido2)", "keyslot 10: a passphrase or a key file"]
        );
        assert!(others(&json!({})).is_empty());
        let ahead = json!({ "keyslots": { "3": {} }, "tokens": { "0": { "type": "pattern-ahead", "keyslots": ["3"] } } });
        assert!(others(&ahead).is_empty());
    }

    #[test]
    fn a_type_of_a_token_is_shown_and_obeyed_by_no_terminal() {
        let long = "x".repeat(60);
        let metadata = metadata(&json!({
            "0": { "type": "\u{1b}[2J", "keyslots": ["0", "1"] },
            "1": { "type": long, "keyslots": ["2"] },
        }));
        let found = others(&metadata);
        assert_eq!(found[0].tokens, ["\\u{1b}[2J"]);
        assert_eq!(found[2].tokens, [format!("{}...", "x".repeat(40))]);
    }

    #[test]
    fn a_token_goes_with_its_only_key_slot() {
        let metadata = metadata(&json!({
            "0": { "type": "a", "keyslots": ["2"] },
            "1": { "type": "b", "keyslots": ["2", "1"] },
        }));
        assert_eq!(tokens_of(&metadata, 2), [0]);
        assert_eq!(tokens_of(&metadata, 1), [0; 0]);
    }
}

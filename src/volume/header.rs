//! The JSON metadata of a LUKS2 header (LUKS2 On-Disk Format Specification, section 3).

use serde_json::{Map, Value};

use super::Locks;
use crate::token::Token;

/// The parts of LUKS2 metadata that decide whether and how a volume is opened.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Header(Map<String, Value>);

impl Header {
    /// Reads the metadata as `cryptsetup luksDump --dump-json-metadata` prints it.
    pub(super) fn parse(json: &str) -> Result<Self, String> {
        match serde_json::from_str(json) {
            Ok(Value::Object(fields)) => Ok(Self(fields)),
            Ok(_) => Err("its metadata is no JSON object".to_owned()),
            Err(error) => Err(format!("its metadata is no JSON: {error}")),
        }
    }

    /// Names what in a header would make an opened volume unsafe. A header may be written by anybody who has the
    /// disk for a minute: with a null cipher, writes go out in clear or any passphrase opens; a requirement can
    /// start a decryption (CVE-2021-4122).
    pub(super) fn unsafe_to_open(&self) -> Option<String> {
        let requirement = self.0.get("config").and_then(|config| config.pointer("/requirements/mandatory"));
        if requirement.is_some_and(|names| names.as_array().is_none_or(|names| !names.is_empty())) {
            return Some("it asks for features beyond plain encryption".to_owned());
        }
        let mut segments = self.objects("segments").peekable();
        if segments.peek().is_none() {
            return Some("it has no data segment".to_owned());
        }
        for (name, segment) in segments {
            if segment.get("type").and_then(Value::as_str) != Some("crypt") {
                return Some(format!("its segment {name} is not encrypted"));
            }
            if let Some(cipher) = weak(segment.get("encryption")) {
                return Some(format!("its segment {name} is encrypted with {cipher}"));
            }
        }
        self.objects("keyslots").find_map(|(name, slot)| {
            let cipher = weak(slot.pointer("/area/encryption"))?;
            Some(format!("its key slot {name} is encrypted with {cipher}"))
        })
    }

    /// The ways in that the tokens name.
    pub(super) fn locks(&self) -> Locks {
        let mut locks = Locks::default();
        for (id, token) in self.objects("tokens") {
            match Token::parse(&token.to_string()) {
                Ok(Token::Tpm2(token)) => locks.tokens.push(*token),
                Ok(Token::Recovery) => locks.recovery = true,
                Ok(Token::Other(_)) => {}
                Err(error) => locks.unusable.push(format!("token {id}: {error}")),
            }
        }
        locks
    }

    /// The members of one of the numbered objects.
    fn objects(&self, field: &str) -> impl Iterator<Item = (&String, &Value)> {
        self.0.get(field).and_then(Value::as_object).into_iter().flatten()
    }
}

/// The cipher, when it is none.
fn weak(cipher: Option<&Value>) -> Option<String> {
    match cipher.and_then(Value::as_str) {
        Some(name) if !name.contains("null") => None,
        Some(name) => Some(name.to_owned()),
        None => Some("no cipher".to_owned()),
    }
}

//! Walks the tokens in the JSON metadata of a LUKS2 header (LUKS2 On-Disk Format Specification,
//! "Tokens object").

use serde_json::Value;

/// Returns the tokens: number and content. A number that is not valid is left out.
pub fn tokens(metadata: &Value) -> impl Iterator<Item = (u32, &Value)> {
    let tokens = metadata.get("tokens").and_then(Value::as_object).into_iter().flatten();
    tokens.filter_map(|(id, token)| Some((id.parse().ok()?, token)))
}

/// Returns the tokens of one type.
pub fn tokens_of_type<'a>(metadata: &'a Value, kind: &'a str) -> impl Iterator<Item = (u32, &'a Value)> {
    tokens(metadata).filter(move |(_, token)| has_type(token, kind))
}

/// Returns whether a token has this type.
#[must_use]
pub fn has_type(token: &Value, kind: &str) -> bool {
    token.get("type").and_then(Value::as_str) == Some(kind)
}

/// Returns the key slots that a token names.
pub fn keyslots(token: &Value) -> impl Iterator<Item = u32> {
    let names = token.get("keyslots").and_then(Value::as_array).into_iter().flatten();
    names.filter_map(|name| name.as_str()?.parse().ok())
}

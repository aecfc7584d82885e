//! Converts tokens from and to JSON.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

use super::{
    Bank, COUNTED, Counted, Digest, PcrError, Pcrs, Pin, PublicKey, Sealed, Signed, Srk, Token, TokenError,
    Tpm2Token,
};
use crate::hex;

/// LUKS2 has 32 key slots.
const KEYSLOTS: u32 = 32;
/// Longest text in bytes. A real token has about 1 KiB. A header of 4 MiB must not cause more work.
const TEXT_LIMIT: usize = 16 * 1024;

/// All fields that systemd 252 to 262 writes and that are understood here. `tpm2-primary-alg` is
/// for tokens without `tpm2_srk`, which are refused.
const KNOWN: [&str; 12] = [
    "tpm2-blob",
    "tpm2-pcr-bank",
    "tpm2-pcrs",
    "tpm2-pin",
    "tpm2-policy-hash",
    "tpm2-primary-alg",
    "tpm2_pcrlock",
    "tpm2_pcrlock_nv",
    "tpm2_pubkey",
    "tpm2_pubkey_pcrs",
    "tpm2_salt",
    "tpm2_srk",
];
/// Prefixes of systemd's fields. Fields with other prefixes are LUKS2's, or somebody's notes.
const OURS: [&str; 2] = ["tpm2-", "tpm2_"];
/// `tpm2_argon2id_memcost`, `_iterations`, `_lanes`: since systemd 262, whose `--tpm2-with-pin=yes`
/// writes them.
const ARGON2ID: &str = "tpm2_argon2id_";

/// Since systemd 262: the signature has to be for this reference, too.
const REFERENCE: &str = "tpm2_pubkey_ref";

type Fields = Map<String, Value>;

pub(super) fn parse(text: &str) -> Result<Token, TokenError> {
    if text.len() > TEXT_LIMIT {
        return Err(TokenError::NotAToken(format!("longer than {TEXT_LIMIT} bytes")));
    }
    let value: Value = serde_json::from_str(text).map_err(|e| TokenError::NotAToken(e.to_string()))?;
    let fields = value.as_object();
    let kind = fields.and_then(|fields| Some((fields, fields.get("type")?.as_str()?)));
    match kind {
        None => Err(TokenError::NotAToken("no object with a type".to_owned())),
        Some((fields, "systemd-tpm2")) => Ok(Token::Tpm2(Box::new(tpm2(fields, None)?))),
        Some((fields, COUNTED)) => Ok(Token::Tpm2(Box::new(tpm2(fields, Some(counted(fields)?))?))),
        Some((_, "systemd-recovery")) => Ok(Token::Recovery),
        Some((_, other)) => Ok(Token::Other(other.to_owned())),
    }
}

fn tpm2(fields: &Fields, counted: Option<Counted>) -> Result<Tpm2Token, TokenError> {
    supported(fields)?;
    let policy = policy(fields)?;
    let sealed = Sealed::parse(&base64(fields, "tpm2-blob")?)?;
    if sealed.policy() != Some(policy) {
        return Err(TokenError::Malformed("tpm2-blob", "a data object under tpm2-policy-hash alone"));
    }
    let token = Tpm2Token {
        keyslot: keyslot(fields)?,
        signed: signed(fields)?,
        literal: literal(fields)?,
        bank: bank(fields)?,
        counted,
        pin: pin(fields)?,
        policy,
        sealed,
        srk: Srk::parse(&base64(fields, "tpm2_srk")?)?,
    };
    match (&token.signed, token.literal) {
        (None, None) => Err(TokenError::NotSupported("a policy over no PCR, which protects nothing")),
        (Some(_), None) if token.policy_for(&[]) != policy => {
            Err(TokenError::Malformed("tpm2-policy-hash", "the policy of tpm2_pubkey"))
        }
        _ => Ok(token),
    }
}

/// Fails if the token needs something that is not supported. The error names the first such thing
/// that a parser would meet.
fn supported(fields: &Fields) -> Result<(), TokenError> {
    let sharded = |field| fields.get(field).is_some_and(Value::is_array);
    if sharded("tpm2-blob") || sharded("tpm2-policy-hash") {
        return Err(TokenError::NotSupported("a secret in several shards"));
    }
    if flag(fields, "tpm2_pcrlock")? || fields.contains_key("tpm2_pcrlock_nv") {
        return Err(TokenError::NotSupported("a pcrlock policy"));
    }
    if fields.keys().any(|name| name.starts_with(ARGON2ID)) {
        return Err(TokenError::NotSupported(
            "a PIN hardened with Argon2id (to enroll one without: systemd-cryptenroll --tpm2-with-pin=direct)",
        ));
    }
    if fields.contains_key(REFERENCE) {
        return Err(TokenError::NotSupported("a signed policy with a reference (tpm2_pubkey_ref)"));
    }
    // An unknown field may ask for anything, so the TPM could count a right PIN as a wrong try.
    let ours = |name: &&String| OURS.iter().any(|prefix| name.starts_with(prefix));
    if let Some(name) = fields.keys().filter(ours).find(|name| !KNOWN.contains(&name.as_str())) {
        return Err(TokenError::Unknown(name.clone()));
    }
    if !fields.contains_key("tpm2_srk") {
        return Err(TokenError::NotSupported("a key without tpm2_srk (enrolled by systemd before 255)"));
    }
    Ok(())
}

fn keyslot(fields: &Fields) -> Result<u32, TokenError> {
    let malformed = TokenError::Malformed("keyslots", "one key slot");
    let slots = field(fields, "keyslots")?.as_array().map(Vec::as_slice);
    let Some([Value::String(slot)]) = slots else {
        return Err(malformed);
    };
    slot.parse().ok().filter(|slot| *slot < KEYSLOTS).ok_or(malformed)
}

fn literal(fields: &Fields) -> Result<Option<Pcrs>, TokenError> {
    pcrs("tpm2-pcrs", field(fields, "tpm2-pcrs")?)
}

/// Returns a set of PCRs, or `None` if it is empty.
fn pcrs(name: &'static str, value: &Value) -> Result<Option<Pcrs>, TokenError> {
    let malformed = TokenError::Malformed(name, "an array of PCRs 0 to 23");
    let numbers = value.as_array().ok_or(malformed.clone())?;
    let numbers: Option<Vec<u64>> = numbers.iter().map(Value::as_u64).collect();
    match numbers.map(Pcrs::new) {
        Some(Ok(pcrs)) => Ok(Some(pcrs)),
        Some(Err(PcrError::None)) => Ok(None),
        _ => Err(malformed),
    }
}

fn signed(fields: &Fields) -> Result<Option<Signed>, TokenError> {
    if !fields.contains_key("tpm2_pubkey") && !fields.contains_key("tpm2_pubkey_pcrs") {
        return Ok(None);
    }
    let pem = String::from_utf8(base64(fields, "tpm2_pubkey")?).ok();
    let key = pem.and_then(|pem| PublicKey::parse(&pem).ok());
    let key = key.ok_or(TokenError::Malformed("tpm2_pubkey", "an RSA key of 2048 to 4096 bits"))?;
    let pcrs = pcrs("tpm2_pubkey_pcrs", field(fields, "tpm2_pubkey_pcrs")?)?;
    let pcrs = pcrs.ok_or(TokenError::NotSupported("a signed policy over no PCR, which protects nothing"))?;
    Ok(Some(Signed { key, pcrs }))
}

fn pin(fields: &Fields) -> Result<Option<Pin>, TokenError> {
    if !flag(fields, "tpm2-pin")? {
        return Ok(None);
    }
    let salt = fields.contains_key("tpm2_salt").then(|| base64(fields, "tpm2_salt")).transpose()?;
    Ok(Some(Pin { salt }))
}

fn counted(fields: &Fields) -> Result<Counted, TokenError> {
    Counted::parse(field(fields, "counter")?.as_str(), field(fields, "count")?.as_str())
}

/// Returns the bank. systemd before 250 wrote none, and meant SHA-256.
fn bank(fields: &Fields) -> Result<Bank, TokenError> {
    match fields.get("tpm2-pcr-bank").map(Value::as_str) {
        None | Some(Some("sha256")) => Ok(Bank::Sha256),
        Some(Some("sha384")) => Ok(Bank::Sha384),
        Some(Some("sha1")) => Err(TokenError::NotSupported("PCRs of the SHA-1 bank, which protect nothing")),
        Some(_) => Err(TokenError::Malformed("tpm2-pcr-bank", "sha256 or sha384")),
    }
}

fn policy(fields: &Fields) -> Result<Digest, TokenError> {
    let malformed = TokenError::Malformed("tpm2-policy-hash", "64 hexadecimal digits");
    let text = field(fields, "tpm2-policy-hash")?.as_str();
    text.and_then(digest).ok_or(malformed)
}

/// Parses a digest in hexadecimal digits.
pub(super) fn digest(text: &str) -> Option<Digest> {
    hex::decode(text)?.try_into().ok()
}

fn field<'a>(fields: &'a Fields, name: &'static str) -> Result<&'a Value, TokenError> {
    fields.get(name).ok_or(TokenError::Missing(name))
}

fn flag(fields: &Fields, name: &'static str) -> Result<bool, TokenError> {
    match fields.get(name) {
        None => Ok(false),
        Some(value) => value.as_bool().ok_or(TokenError::Malformed(name, "true or false")),
    }
}

fn base64(fields: &Fields, name: &'static str) -> Result<Vec<u8>, TokenError> {
    let text = field(fields, name)?.as_str();
    let bytes = text.and_then(|text| STANDARD.decode(text).ok());
    bytes.ok_or(TokenError::Malformed(name, "base64 text"))
}

pub(super) fn tpm2_json(token: &Tpm2Token) -> String {
    let policy = hex::encode(&token.policy);
    let mut json = json!({
        "type": "systemd-tpm2",
        "keyslots": [token.keyslot.to_string()],
        "tpm2-blob": STANDARD.encode(token.sealed.to_bytes()),
        "tpm2-pcrs": numbers(token.literal),
        "tpm2-pcr-bank": token.bank.name(),
        "tpm2-policy-hash": policy,
        "tpm2_srk": STANDARD.encode(token.srk.to_bytes()),
    });
    if let Some(Signed { key, pcrs }) = &token.signed {
        json["tpm2_pubkey_pcrs"] = json!(numbers(Some(*pcrs)));
        json["tpm2_pubkey"] = json!(STANDARD.encode(key.pem()));
    }
    if let Some(pin) = &token.pin {
        json["tpm2-pin"] = json!(true);
        if let Some(salt) = &pin.salt {
            json["tpm2_salt"] = json!(STANDARD.encode(salt));
        }
    }
    if let Some(Counted { handle, count }) = token.counted {
        json["type"] = json!(COUNTED);
        json["counter"] = json!(handle.to_string());
        json["count"] = json!(count.to_string());
    }
    json.to_string()
}

fn numbers(pcrs: Option<Pcrs>) -> Vec<u8> {
    pcrs.into_iter().flat_map(Pcrs::iter).collect()
}

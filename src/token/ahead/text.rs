//! The JSON text of the token.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use super::Announced;
use crate::token::{Bank, Counted, Earlier, PcrError, Pcrs, PublicKey, TokenError};

/// Bytes of a P-256 signature: two numbers.
const SIGNATURE: usize = 64;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Text {
    #[serde(rename = "type")]
    pub(super) kind: String,
    pub(super) keyslots: [String; 1],
    pub(super) bank: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) counter: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) count: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) salt: Option<String>,
    pub(super) blob: String,
    pub(super) srk: String,
    pub(super) key: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) announced: Option<AnnouncedText>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) kept: Option<AnnouncedText>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AnnouncedText {
    pub(super) policy: String,
    pub(super) pcrs: Vec<u64>,
    pub(super) signature: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) pubkey: Option<String>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) additions: bool,
    pub(super) pcr7: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) db: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) kek: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) dbx: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) accepted: Option<Vec<String>>,
}

impl AnnouncedText {
    pub(super) fn of(announced: &Announced) -> Self {
        let Earlier { value, db, kek, dbx, accepted } = &announced.earlier;
        let text = |bytes: &Vec<u8>| STANDARD.encode(bytes);
        Self {
            policy: STANDARD.encode(announced.policy),
            pcrs: announced.literal.iter().map(u64::from).collect(),
            signature: text(&announced.signature),
            pubkey: announced.image.as_ref().map(|key| STANDARD.encode(key.pem())),
            additions: announced.additions,
            pcr7: text(value),
            db: *db,
            kek: kek.as_ref().map(text),
            dbx: dbx.as_ref().map(text),
            accepted: accepted.as_ref().map(|all| all.iter().map(text).collect()),
        }
    }
}

pub(super) fn announced(text: AnnouncedText) -> Result<Announced, TokenError> {
    let malformed = TokenError::Malformed;
    let policy = bytes("policy", &text.policy)?.try_into();
    let signature = bytes("signature", &text.signature)?;
    if signature.len() != SIGNATURE {
        return Err(malformed("signature", "two numbers of 32 bytes"));
    }
    let literal = Pcrs::new(text.pcrs).map_err(|_: PcrError| malformed("pcrs", "PCRs 0 to 23"))?;
    let digest = |name, text: Option<String>| text.map(|text| bytes(name, &text)).transpose();
    let earlier = Earlier {
        value: bytes("pcr7", &text.pcr7)?,
        db: text.db,
        kek: digest("kek", text.kek)?,
        dbx: digest("dbx", text.dbx)?,
        accepted: text
            .accepted
            .map(|all| all.iter().map(|one| bytes("accepted", one)).collect())
            .transpose()?,
    };
    let policy = policy.map_err(|_| malformed("policy", "32 bytes"))?;
    let image = text.pubkey.map(|text| key(&text)).transpose()?;
    Ok(Announced { policy, image, additions: text.additions, literal, signature, earlier })
}

fn key(text: &str) -> Result<PublicKey, TokenError> {
    let pem = String::from_utf8(bytes("pubkey", text)?).ok();
    pem.and_then(|pem| PublicKey::parse(&pem).ok())
        .ok_or(TokenError::Malformed("pubkey", "a public key in PEM form"))
}

pub(super) fn counted(counter: Option<String>, count: Option<String>) -> Result<Option<Counted>, TokenError> {
    match (counter, count) {
        (None, None) => Ok(None),
        (counter, count) => Counted::parse(counter.as_deref(), count.as_deref()).map(Some),
    }
}

pub(super) fn bank(name: &str) -> Result<Bank, TokenError> {
    let found = [Bank::Sha256, Bank::Sha384].into_iter().find(|bank| bank.name() == name);
    found.ok_or(TokenError::Malformed("bank", "sha256 or sha384"))
}

pub(super) fn bytes(name: &'static str, text: &str) -> Result<Vec<u8>, TokenError> {
    STANDARD.decode(text).map_err(|_| TokenError::Malformed(name, "base64 text"))
}

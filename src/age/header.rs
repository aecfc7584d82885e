//! The header: the file's key, encrypted for each recipient, and a MAC by that key over the header.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use chacha20poly1305::aead::AeadInOut;
use chacha20poly1305::{ChaCha20Poly1305, KeyInit};
use hmac::Mac;
use x25519_dalek::{X25519_BASEPOINT_BYTES, x25519};
use zeroize::Zeroizing;

use super::{Error, Identity, Random, Recipient, derived, mac};

/// Bytes of the file's key.
pub(super) const FILE_KEY: usize = 16;
/// Bytes of the encrypted file key.
const WRAPPED: usize = FILE_KEY + 16;
const VERSION: &str = "age-encryption.org/v1\n";
const LABEL: &[u8] = b"age-encryption.org/v1/X25519";
const KIND: &str = "X25519";
/// Characters in each line of a stanza's body except the last, which has fewer.
const COLUMNS: usize = 64;

const SHORT: Error = Error::Header("it ends too early");

/// Returns the header for a file's key.
pub(super) fn write<E: From<Error>>(
    file_key: &[u8],
    recipients: &[Recipient],
    random: &mut impl FnMut() -> Result<Random, E>,
) -> Result<Vec<u8>, E> {
    let mut text = VERSION.to_owned();
    for recipient in recipients {
        let ephemeral = random()?;
        let share = x25519(*ephemeral, X25519_BASEPOINT_BYTES);
        let shared = Zeroizing::new(x25519(*ephemeral, recipient.point));
        let mut body = Zeroizing::new(Vec::with_capacity(WRAPPED));
        body.extend_from_slice(file_key);
        let wrapped =
            cipher(&share, &recipient.point, &shared).encrypt_in_place(&[0; 12].into(), b"", &mut *body);
        wrapped.map_err(|_| Error::Content)?;
        let (share, body) = (STANDARD_NO_PAD.encode(share), STANDARD_NO_PAD.encode(&*body));
        text.push_str(&format!("-> {KIND} {share}\n{body}\n"));
    }
    text.push_str("---");
    let code = header_mac(file_key, text.as_bytes()).finalize().into_bytes();
    text.push_str(&format!(" {}\n", STANDARD_NO_PAD.encode(code)));
    Ok(text.into_bytes())
}

/// Reads the header. Returns the file's key, and what follows the header.
pub(super) fn read<'a>(
    file: &'a [u8],
    identities: &[Identity],
) -> Result<(Zeroizing<[u8; FILE_KEY]>, &'a [u8]), Error> {
    let mut rest =
        file.strip_prefix(VERSION.as_bytes()).ok_or(Error::Header("the first line is unexpected"))?;
    let mut stanzas = Vec::new();
    while rest.starts_with(b"->") {
        stanzas.push(stanza(&mut rest)?);
    }
    // The MAC covers the header up to and including its last `---`.
    let covered = file.get(..file.len() - rest.len() + 3).ok_or(SHORT)?;
    let code = line(&mut rest)?.strip_prefix("--- ").ok_or(Error::Header("a line is unexpected"))?;
    let code = STANDARD_NO_PAD.decode(code).map_err(|_| Error::Header("its code is malformed"))?;
    if code.len() != 32 {
        return Err(Error::Header("its code is malformed"));
    }
    let file_key = unwrapped(&stanzas, identities)?;
    header_mac(&*file_key, covered).verify_slice(&code).map_err(|_| Error::Changed)?;
    Ok((file_key, rest))
}

struct Stanza<'a> {
    arguments: Vec<&'a str>,
    body: Vec<u8>,
}

fn stanza<'a>(rest: &mut &'a [u8]) -> Result<Stanza<'a>, Error> {
    const MALFORMED: Error = Error::Header("a recipient is malformed");
    let arguments: Vec<_> = line(rest)?.strip_prefix("-> ").ok_or(MALFORMED)?.split(' ').collect();
    let printable = |word: &&str| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_graphic());
    if !arguments.iter().all(printable) {
        return Err(MALFORMED);
    }
    let mut body = Vec::new();
    loop {
        let text = line(rest)?;
        let bytes = STANDARD_NO_PAD.decode(text).ok().filter(|_| text.len() <= COLUMNS);
        body.extend(bytes.ok_or(MALFORMED)?);
        if text.len() < COLUMNS {
            return Ok(Stanza { arguments, body });
        }
    }
}

fn line<'a>(rest: &mut &'a [u8]) -> Result<&'a str, Error> {
    let end = rest.iter().position(|byte| *byte == b'\n').ok_or(SHORT)?;
    let (found, after) = rest.split_at_checked(end).ok_or(SHORT)?;
    *rest = after.get(1..).unwrap_or_default();
    std::str::from_utf8(found).map_err(|_| Error::Header("a line is unexpected"))
}

fn unwrapped(stanzas: &[Stanza<'_>], identities: &[Identity]) -> Result<Zeroizing<[u8; FILE_KEY]>, Error> {
    for stanza in stanzas.iter().filter(|stanza| stanza.arguments.first() == Some(&KIND)) {
        let [_, share] = stanza.arguments[..] else {
            return Err(Error::Header("a recipient has more than one share"));
        };
        let share = STANDARD_NO_PAD.decode(share).ok().and_then(|bytes| bytes.try_into().ok());
        let share = share.ok_or(Error::Header("a recipient's share is malformed"))?;
        if stanza.body.len() != WRAPPED {
            return Err(Error::Header("a recipient's key has another length"));
        }
        for identity in identities {
            if let Some(file_key) = unwrap(share, &stanza.body, identity)? {
                return Ok(file_key);
            }
        }
    }
    Err(Error::NoMatch(stanzas.len()))
}

fn unwrap(
    share: [u8; 32],
    body: &[u8],
    identity: &Identity,
) -> Result<Option<Zeroizing<[u8; FILE_KEY]>>, Error> {
    let shared = Zeroizing::new(x25519(*identity.0, share));
    if *shared == [0; 32] {
        return Err(Error::Header("a recipient's share is a point that protects nothing"));
    }
    let recipient = x25519(*identity.0, X25519_BASEPOINT_BYTES);
    let mut key = Zeroizing::new(body.to_vec());
    let opened = cipher(&share, &recipient, &shared).decrypt_in_place(&[0; 12].into(), b"", &mut *key);
    let found = opened.ok().and_then(|()| <[u8; FILE_KEY]>::try_from(&key[..]).ok());
    Ok(found.map(Zeroizing::new))
}

/// Returns the cipher for the file's key. Its key is used only once, so the nonce is zero.
fn cipher(share: &[u8; 32], recipient: &[u8; 32], shared: &[u8; 32]) -> ChaCha20Poly1305 {
    let key = derived(&[&share[..], recipient].concat(), shared, LABEL);
    ChaCha20Poly1305::new((&*key).into())
}

fn header_mac(file_key: &[u8], covered: &[u8]) -> impl Mac {
    mac(&*derived(b"", file_key, b"header")).chain_update(covered)
}

//! Encrypts to public keys in the age format (C2SP specification "age-encryption.org/v1"), so that
//! `age` and `rage` can read the files. Of its kinds of recipients only X25519 is supported.

mod armor;
mod header;
mod key;
mod stream;
#[cfg(test)]
mod tests;

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

pub use armor::is_encrypted;
pub use key::{Identity, KeyError, Recipient};

/// Random bytes, wiped when dropped.
pub type Random = Zeroizing<[u8; 32]>;

/// Why a file can't be decrypted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Error {
    /// The base64 text, or a line around it, is not valid.
    Armor,
    /// Not an age file, or a malformed header. Says what is wrong.
    Header(&'static str),
    /// Encrypted to other keys. Says how many recipients the header has.
    NoMatch(usize),
    /// The header was changed.
    Changed,
    /// The content after the header was changed, or is cut off.
    Content,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Armor => f.write_str("the armored text is damaged: a line is missing, or was changed"),
            Self::Header(what) => write!(f, "not an age file: {what}"),
            Self::NoMatch(1) => {
                f.write_str("it is encrypted to one recipient, and this is the secret key of another one")
            }
            Self::NoMatch(count) => {
                write!(f, "it is encrypted to {count} recipients, and this is the secret key of another one")
            }
            Self::Changed => f.write_str("its header was changed after it was encrypted"),
            Self::Content => f.write_str("its content is damaged, or cut off"),
        }
    }
}

impl std::error::Error for Error {}

/// Encrypts for all recipients. Returns armored text. Each call of `random` must return new bytes.
///
/// # Errors
/// Errors of `random`.
pub fn encrypt<E: From<Error>>(
    plaintext: &[u8],
    recipients: &[Recipient],
    mut random: impl FnMut() -> Result<Random, E>,
) -> Result<String, E> {
    let drawn = random()?;
    let (file_key, nonce) = drawn.split_at(header::FILE_KEY);
    let mut file = header::write(file_key, recipients, &mut random)?;
    file.extend_from_slice(nonce);
    stream::seal(&derived(nonce, file_key, b"payload"), plaintext, &mut file)?;
    Ok(armor::wrap(&file))
}

/// Decrypts a file, armored or not, with the first of these keys that it is encrypted to.
///
/// # Errors
/// When it is encrypted to none of them, or is damaged.
pub fn decrypt(file: &[u8], identities: &[Identity]) -> Result<Zeroizing<Vec<u8>>, Error> {
    let bare = if armor::is_armored(file) { &armor::unwrap(file)?[..] } else { file };
    let (file_key, rest) = header::read(bare, identities)?;
    let (nonce, chunks) = rest.split_at_checked(stream::NONCE).ok_or(Error::Header("it ends too early"))?;
    stream::open(&derived(nonce, &*file_key, b"payload"), chunks)
}

/// Derives 32 bytes with HKDF and SHA-256 (RFC 5869): one block of its output.
fn derived(salt: &[u8], secret: &[u8], info: &[u8]) -> Random {
    let extracted = Zeroizing::new(<[u8; 32]>::from(mac(salt).chain_update(secret).finalize().into_bytes()));
    Zeroizing::new(mac(&*extracted).chain_update(info).chain_update([1]).finalize().into_bytes().into())
}

/// Returns an HMAC with a key of at most one block. HMAC itself pads the key with zeros.
fn mac(key: &[u8]) -> Hmac<Sha256> {
    let mut block = Zeroizing::new([0; 64]);
    block.iter_mut().zip(key).for_each(|(to, from)| *to = *from);
    Hmac::new((&*block).into())
}

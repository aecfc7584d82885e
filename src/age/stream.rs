//! The content: chunks of 64 KiB. The nonce of each has its number, and whether it is the last
//! chunk.

use chacha20poly1305::aead::AeadInOut;
use chacha20poly1305::{ChaCha20Poly1305, KeyInit, Nonce};
use zeroize::Zeroizing;

use super::{Error, Random};

/// Bytes before the chunks.
pub(super) const NONCE: usize = 16;
const CHUNK: usize = 64 << 10;
const TAG: usize = 16;

/// Appends the encrypted chunks.
pub(super) fn seal(key: &Random, plaintext: &[u8], file: &mut Vec<u8>) -> Result<(), Error> {
    let cipher = ChaCha20Poly1305::new((&**key).into());
    // Empty content is one chunk, too.
    let count = plaintext.len().div_ceil(CHUNK).max(1);
    for index in 0..count {
        let rest = plaintext.get(index * CHUNK..).unwrap_or_default();
        let mut chunk = Vec::with_capacity(CHUNK.min(rest.len()) + TAG);
        chunk.extend_from_slice(rest.get(..CHUNK).unwrap_or(rest));
        let sealed = cipher.encrypt_in_place(&nonce(index, index + 1 == count), b"", &mut chunk);
        sealed.map_err(|_| Error::Content)?;
        file.append(&mut chunk);
    }
    Ok(())
}

/// Returns the content of the chunks.
pub(super) fn open(key: &Random, chunks: &[u8]) -> Result<Zeroizing<Vec<u8>>, Error> {
    let cipher = ChaCha20Poly1305::new((&**key).into());
    // Reserved at once, because a buffer that grows leaves copies of the content in memory.
    let mut plaintext = Zeroizing::new(Vec::with_capacity(chunks.len()));
    let count = chunks.len().div_ceil(CHUNK + TAG);
    for (index, sealed) in chunks.chunks(CHUNK + TAG).enumerate() {
        let mut chunk = Zeroizing::new(sealed.to_vec());
        let opened = cipher.decrypt_in_place(&nonce(index, index + 1 == count), b"", &mut *chunk);
        opened.map_err(|_| Error::Content)?;
        if chunk.is_empty() && index > 0 {
            return Err(Error::Content);
        }
        plaintext.extend_from_slice(&chunk);
    }
    if count == 0 { Err(Error::Content) } else { Ok(plaintext) }
}

/// Returns a nonce: eleven bytes of number, and one byte that marks the last chunk.
fn nonce(index: usize, is_last: bool) -> Nonce {
    let number = (index as u128) << 8 | u128::from(is_last);
    let mut nonce = Nonce::default();
    nonce.iter_mut().rev().zip(number.to_le_bytes()).for_each(|(to, from)| *to = from);
    nonce
}

//! The public key whose owner signs PCR values.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};

use super::Digest;

const BEGIN: &str = "-----BEGIN PUBLIC KEY-----";
const END: &str = "-----END PUBLIC KEY-----";
/// Bytes of the modulus. RSA-2048 is the smallest safe key, and RSA-4096 the largest that any TPM
/// supports.
const MODULUS: std::ops::RangeInclusive<usize> = 256..=512;
/// Bytes of a `SubjectPublicKeyInfo` without the modulus. All its lengths take two bytes, so this
/// is the same for all accepted keys.
const AROUND_MODULUS: usize = 38;
/// `SEQUENCE { OBJECT IDENTIFIER rsaEncryption, NULL }` (RFC 8017, appendix A).
const RSA: [u8; 15] = [0x30, 13, 6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 13, 1, 1, 1, 5, 0];
/// `INTEGER 65537`.
const EXPONENT: [u8; 5] = [2, 3, 1, 0, 1];

/// An RSA key with the exponent 65537, in the forms of PEM and of a TPM.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PublicKey {
    pem: String,
    modulus: Vec<u8>,
}

/// Why a text is not such a key.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum KeyError {
    /// Not a PEM text of a public key.
    NotPem,
    /// A public key of another kind.
    NotRsa,
}

impl fmt::Display for KeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotPem => "not a public key in PEM form",
            Self::NotRsa => "not an RSA key of 2048 to 4096 bits with the exponent 65537",
        })
    }
}

impl std::error::Error for KeyError {}

impl PublicKey {
    /// Parses PEM text, as `openssl pkey -pubout` writes it.
    ///
    /// # Errors
    /// When it is not an RSA key that a TPM can check signatures with.
    pub fn parse(pem: &str) -> Result<Self, KeyError> {
        let body = pem.split_once(BEGIN).and_then(|(_, rest)| rest.split_once(END)).map(|(body, _)| body);
        let text: String = body.ok_or(KeyError::NotPem)?.split_ascii_whitespace().collect();
        let info = STANDARD.decode(text).map_err(|_| KeyError::NotPem)?;
        let modulus = modulus(&info).ok_or(KeyError::NotRsa)?.to_vec();
        Ok(Self { pem: pem.to_owned(), modulus })
    }

    /// Returns the text that the key was parsed from.
    #[must_use]
    pub fn pem(&self) -> &str {
        &self.pem
    }

    /// Returns the identifier of the key in signature files: the digest of its `RSAPublicKey` (RFC
    /// 8017, appendix A.1.1).
    #[must_use]
    pub fn fingerprint(&self) -> Digest {
        Sha256::digest(rsa_public_key(&self.modulus)).into()
    }

    /// Returns the `TPMT_PUBLIC` that systemd makes of such a key: sign, decrypt, userWithAuth, and
    /// no fixed scheme.
    #[must_use]
    pub fn area(&self) -> Vec<u8> {
        let bits = length(self.modulus.len() * 8);
        let bytes = length(self.modulus.len());
        // Type RSA, name by SHA-256, attributes, no policy, no symmetric algorithm, no scheme.
        let head = [0, 1, 0, 0x0b, 0, 6, 0, 0x40, 0, 0, 0, 0x10, 0, 0x10];
        [&head[..], &bits, &[0, 1, 0, 1], &bytes, &self.modulus].concat()
    }

    /// Returns the name of the key in policies: the algorithm, then the digest of the area.
    #[must_use]
    pub fn name(&self) -> Vec<u8> {
        [&[0, 0x0b][..], &Sha256::digest(self.area())].concat()
    }
}

/// Returns the modulus of a `SubjectPublicKeyInfo`. The structure is built again around the modulus
/// and compared. That refuses every other encoding, and needs no parser.
fn modulus(info: &[u8]) -> Option<&[u8]> {
    let size = info.len().checked_sub(AROUND_MODULUS).filter(|size| MODULUS.contains(size))?;
    let modulus = info.strip_suffix(&EXPONENT)?;
    let modulus = modulus.get(modulus.len() - size..).filter(|modulus| modulus[0] & 0x80 != 0)?;
    let key = [&[0], &rsa_public_key(modulus)[..]].concat();
    let whole = element(0x30, &[&RSA[..], &element(3, &key)].concat());
    (whole == info).then_some(modulus)
}

fn rsa_public_key(modulus: &[u8]) -> Vec<u8> {
    let positive = [&[0], modulus].concat();
    element(0x30, &[&element(2, &positive)[..], &EXPONENT].concat())
}

/// Returns a DER element, for contents whose length takes two bytes.
fn element(tag: u8, content: &[u8]) -> Vec<u8> {
    [&[tag, 0x82][..], &length(content.len()), content].concat()
}

/// Encodes a length. Every length fits: the largest key has 512 bytes.
fn length(count: usize) -> [u8; 2] {
    u16::try_from(count).unwrap_or(u16::MAX).to_be_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hex;
    use crate::token::samples;

    #[test]
    fn fingerprint_and_name_are_those_of_systemd() {
        let key = PublicKey::parse(samples::PEM).unwrap();
        assert_eq!(key.pem(), samples::PEM);
        assert_eq!(hex::encode(&key.fingerprint()), samples::FINGERPRINT);
        assert_eq!(hex::encode(&key.name()), samples::NAME);
    }

    #[test]
    fn anything_else_is_refused() {
        let not_pem = KeyError::NotPem;
        assert_eq!(PublicKey::parse(""), Err(not_pem));
        assert_eq!(PublicKey::parse(&samples::PEM.replace("PUBLIC KEY", "PRIVATE KEY")), Err(not_pem));
        assert_eq!(PublicKey::parse(&samples::PEM.replace('M', "!")), Err(not_pem));
        for other in [samples::PEM_RSA_1024, samples::PEM_P256] {
            assert_eq!(PublicKey::parse(other), Err(KeyError::NotRsa));
        }
        // Another exponent, and one byte too many.
        let mut info = info(samples::PEM);
        *info.last_mut().unwrap() = 3;
        assert_eq!(modulus(&info), None);
        *info.last_mut().unwrap() = 1;
        assert!(modulus(&info).is_some());
        info.push(0);
        assert_eq!(modulus(&info), None);
    }

    fn info(pem: &str) -> Vec<u8> {
        STANDARD.decode(pem.lines().filter(|line| !line.starts_with('-')).collect::<String>()).unwrap()
    }
}

//! The PIN that a token needs besides the PCRs.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};
use zeroize::{Zeroize as _, Zeroizing};

/// systemd's number of rounds. It may be small, because the TPM limits how often a PIN is tried.
const ROUNDS: u32 = 10_000;
/// Bytes of a block of SHA-256.
const BLOCK: usize = 64;

/// How the PIN of a token becomes the value that the TPM compares.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Pin {
    /// `tpm2_salt`. systemd before 253 had no salt, and gave the TPM the PIN itself.
    pub salt: Option<Vec<u8>>,
}

impl Pin {
    /// Returns the authorisation value of the sealed object.
    #[must_use]
    pub fn auth_value(&self, pin: &str) -> Zeroizing<Vec<u8>> {
        let text = match &self.salt {
            None => Zeroizing::new(pin.to_owned()),
            Some(salt) => {
                let key = pbkdf2(pin.as_bytes(), salt);
                Zeroizing::new(STANDARD.encode(key.as_slice()))
            }
        };
        let mut value = Zeroizing::new(hash(Sha256::new().chain_update(text.as_bytes())).to_vec());
        // A TPM removes trailing zeros before it computes (TPM 2.0 Library, Part 1, "authValue").
        while value.pop_if(|byte| *byte == 0).is_some() {}
        value
    }
}

/// Returns the first block of PBKDF2 with HMAC-SHA-256 (RFC 8018, 5.2).
fn pbkdf2(password: &[u8], salt: &[u8]) -> Zeroizing<[u8; 32]> {
    let hmac = Hmac::new(password);
    let mut last = hmac.of(&[salt, &1u32.to_be_bytes()].concat());
    let mut sum = last.clone();
    for _ in 1..ROUNDS {
        last = hmac.of(&*last);
        sum.iter_mut().zip(last.iter()).for_each(|(sum, byte)| *sum ^= byte);
    }
    sum
}

/// HMAC-SHA-256 with a key that was already processed (RFC 2104). The crate `hmac` 0.13 does not
/// wipe the padded key, which here is the PIN.
struct Hmac {
    inner: Sha256,
    outer: Sha256,
}

impl Hmac {
    fn new(key: &[u8]) -> Self {
        let mut block = Zeroizing::new([0; BLOCK]);
        if key.len() > BLOCK {
            block[..32].copy_from_slice(&*hash(Sha256::new().chain_update(key)));
        } else {
            block[..key.len()].copy_from_slice(key);
        }
        let pad = |with: u8| {
            let mut padded = block.map(|byte| byte ^ with);
            let state = Sha256::new().chain_update(padded);
            padded.zeroize();
            state
        };
        Self { inner: pad(0x36), outer: pad(0x5c) }
    }

    fn of(&self, message: &[u8]) -> Zeroizing<[u8; 32]> {
        let inner = hash(self.inner.clone().chain_update(message));
        hash(self.outer.clone().chain_update(*inner))
    }
}

fn hash(state: Sha256) -> Zeroizing<[u8; 32]> {
    let mut digest = state.finalize();
    let bytes = Zeroizing::new(digest.into());
    digest.as_mut_slice().zeroize();
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns a value in hexadecimal. The expected ones are from Python's `hashlib`, combined as
    /// systemd does.
    fn value(pin: &str, salt: Option<&[u8]>) -> String {
        let pin_of_token = Pin { salt: salt.map(<[u8]>::to_vec) };
        crate::hex::encode(&pin_of_token.auth_value(pin))
    }

    #[test]
    fn a_pin_is_salted_as_systemd_does() {
        let salted = value("123456", Some(&[5; 32]));
        assert_eq!(salted, "7bedf5c92769aef9f2528bdce400ee21e21d367a5a4863fa6a33ee354560f595");
        let long = value(&"9".repeat(70), Some(&[5; 32]));
        assert_eq!(long, "69d8bcacd72d2c91f72cd6cd7256824c7d4eb5cee7dc48f83770f7e621b95dc4");
    }

    #[test]
    fn without_salt_the_pin_itself_counts_and_zeros_at_its_end_are_cut() {
        let plain = value("123456", None);
        assert_eq!(plain, "8d969eef6ecad3c29a3a629280e686cf0c3f5d5a86aff3ca12020c923adc6c92");
        let cut = value("403", None);
        assert_eq!(cut, "d26eae87829adde551bf4b852f9da6b8c3c2db9b65b8b68870632a2db5f53e");
    }
}

//! The recovery key of a volume, in the form of `systemd-cryptenroll --recovery-key`.

mod entry;
mod other;
mod slot;

use std::fmt;

use zeroize::Zeroizing;

pub use entry::Entry;
pub use other::{OtherSlot, others, tokens_of};
pub use slot::{Escrow, RecoverySlot, slots, token, warning};

/// The sixteen digits of modhex, which have the same place on most keyboards (as in `systemd`'s
/// `recovery-key.c`).
const MODHEX: &[u8; 16] = b"cbdefghijklnrtuv";
/// Bytes of entropy.
const BYTES: usize = 32;
/// Bytes in one group of eight characters.
const GROUP: usize = 4;

/// A passphrase of 256 bits for people: 8 groups of 8 modhex characters, separated by hyphens.
///
/// It is wiped from memory when dropped, and has no `Debug`.
pub struct RecoveryKey(Zeroizing<String>);

/// The text is not a recovery key. The error does not contain the text, because it may be
/// somebody's password.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NotARecoveryKey;

impl fmt::Display for NotARecoveryKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a recovery key has 8 groups of 8 letters out of cbdefghijklnrtuv, with or without hyphens between")
    }
}

impl std::error::Error for NotARecoveryKey {}

impl RecoveryKey {
    /// Encodes 32 random bytes as a key.
    #[must_use]
    pub fn from_bytes(bytes: &[u8; BYTES]) -> Self {
        // Reserved at once, because a string that grows leaves parts of the secret in memory.
        let mut text = Zeroizing::new(String::with_capacity(2 * BYTES + BYTES / GROUP));
        for (index, byte) in bytes.iter().enumerate() {
            if index > 0 && index % GROUP == 0 {
                text.push('-');
            }
            text.push(digit(byte >> 4));
            text.push(digit(byte & 15));
        }
        Self(text)
    }

    /// Parses what a person typed: upper or lower case, with all hyphens or none.
    ///
    /// # Errors
    /// When the text has another form.
    pub fn parse(typed: &str) -> Result<Self, NotARecoveryKey> {
        let mut bytes = Zeroizing::new([0; BYTES]);
        let typed = typed.as_bytes();
        let stride = match typed.len() {
            n if n == 2 * BYTES => 2 * GROUP,
            n if n == 2 * BYTES + BYTES / GROUP - 1 => 2 * GROUP + 1,
            _ => return Err(NotARecoveryKey),
        };
        for (group, target) in typed.chunks(stride).zip(bytes.chunks_exact_mut(GROUP)) {
            let (digits, rest) = group.split_at_checked(2 * GROUP).ok_or(NotARecoveryKey)?;
            if !matches!(rest, b"" | b"-") {
                return Err(NotARecoveryKey);
            }
            for (byte, pair) in target.iter_mut().zip(digits.chunks_exact(2)) {
                *byte = pair
                    .iter()
                    .try_fold(0, |value, c| Some(value << 4 | value_of(*c)?))
                    .ok_or(NotARecoveryKey)?;
            }
        }
        Ok(Self::from_bytes(&bytes))
    }

    /// Returns the 71 characters, which are also the passphrase of the key slot.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn digit(value: u8) -> char {
    MODHEX.get(usize::from(value)).map_or('c', |c| char::from(*c))
}

fn value_of(c: u8) -> Option<u8> {
    let place = MODHEX.iter().position(|digit| *digit == c.to_ascii_lowercase())?;
    u8::try_from(place).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "ccccccbc-cdcecfcg-chcicjck-clcncrct-cucvbcbb-bdbebfbg-bhbibjbk-blbnbrvv";

    fn bytes() -> [u8; 32] {
        let mut bytes = [0; 32];
        for (index, byte) in bytes.iter_mut().enumerate() {
            *byte = u8::try_from(index).unwrap().saturating_sub(1);
        }
        bytes[1] = 0x10;
        bytes[2] = 0x02;
        bytes[3] = 0x03;
        bytes[31] = 0xff;
        bytes
    }

    #[test]
    fn thirty_two_bytes_are_eight_groups_of_eight_letters() {
        let key = RecoveryKey::from_bytes(&[0xff; 32]);
        assert_eq!(key.as_str(), ["vvvvvvvv"; 8].join("-"));
        assert!(RecoveryKey::from_bytes(&bytes()).as_str().starts_with("ccbccdce-cecfcgch-"));
    }

    #[test]
    fn a_key_is_read_in_either_case_with_or_without_hyphens() {
        for typed in [KEY.to_owned(), KEY.to_uppercase(), KEY.replace('-', "")] {
            assert_eq!(RecoveryKey::parse(&typed).unwrap().as_str(), KEY);
        }
    }

    #[test]
    fn anything_else_is_refused_and_not_repeated() {
        let space = KEY.replacen('-', " ", 1);
        let strange = KEY.replacen('v', "a", 1);
        let end = format!("{}-", &KEY[..70]);
        for typed in ["", "hunter2", &KEY[1..], &space, &strange, &end, &format!("{}é", &KEY[..69])] {
            let error = RecoveryKey::parse(typed).err().expect("refused").to_string();
            assert!(error.starts_with("a recovery key has 8 groups of 8 letters"), "{error}");
        }
    }
}

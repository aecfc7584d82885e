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
        f.write_str("a recovery key has 8 groups of 8 letters out of cbdefghijklnrtuv; what stands between does not matter")
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

    /// Parses what a person typed: upper or lower case, and anything but letters in the place of hyphens. A keyboard with the
    /// letters of another country has other keys where the console expects a hyphen.
    ///
    /// # Errors
    /// When the text has other letters, or another number of them.
    pub fn parse(typed: &str) -> Result<Self, NotARecoveryKey> {
        let mut bytes = Zeroizing::new([0; BYTES]);
        let mut count = 0;
        for letter in typed.chars().filter(|letter| letter.is_alphabetic()) {
            let (value, byte) = value_of(letter).zip(bytes.get_mut(count / 2)).ok_or(NotARecoveryKey)?;
            *byte = *byte << 4 | value;
            count += 1;
        }
        if count == 2 * BYTES { Ok(Self::from_bytes(&bytes)) } else { Err(NotARecoveryKey) }
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

fn value_of(letter: char) -> Option<u8> {
    let place = MODHEX.iter().position(|digit| char::from(*digit) == letter.to_ascii_lowercase())?;
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
        let one_less = KEY.replacen('-', "", 1);
        for typed in [KEY.to_owned(), KEY.to_uppercase(), KEY.replace('-', ""), one_less] {
            assert_eq!(RecoveryKey::parse(&typed).unwrap().as_str(), KEY);
        }
    }

    #[test]
    fn a_hyphen_may_be_what_other_keyboards_have_there() {
        // German, French, Turkish, Swiss, and what people type by themselves
        for other in ["/", "6", "=", "'", " ", "_", " - ", "–"] {
            assert_eq!(RecoveryKey::parse(&KEY.replace('-', other)).unwrap().as_str(), KEY, "{other:?}");
        }
        for around in [format!(" {KEY}"), format!("{KEY} \r"), format!("{KEY}-")] {
            assert_eq!(RecoveryKey::parse(&around).unwrap().as_str(), KEY, "{around:?}");
        }
    }

    #[test]
    fn anything_else_is_refused_and_not_repeated() {
        let strange = KEY.replacen('v', "a", 1);
        let (short, long) = (format!("{}-", &KEY[..70]), format!("{KEY}c"));
        for typed in
            ["", "hunter2", "------", &KEY[1..], &strange, &short, &long, &format!("{}é", &KEY[..69])]
        {
            let error = RecoveryKey::parse(typed).err().expect("refused").to_string();
            assert!(error.starts_with("a recovery key has 8 groups of 8 letters"), "{error}");
        }
    }
}

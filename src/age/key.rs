//! Keys as text: bech32 with a prefix that names their kind.

use std::fmt;

use bech32::Bech32;
use bech32::primitives::decode::CheckedHrpstring;
use x25519_dalek::x25519;
use zeroize::Zeroizing;

/// How the text of a secret key begins. Case matters.
const SECRET: &str = "AGE-SECRET-KEY-1";

/// A public key. Its owner can read what is encrypted to it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Recipient {
    text: String,
    pub(super) point: [u8; 32],
}

/// A secret key. It is wiped from memory when dropped, and has no `Debug`.
pub struct Identity(pub(super) Zeroizing<[u8; 32]>);

/// What is wrong with the text of a key. The text is not repeated, because it may be a secret.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum KeyError {
    /// A secret key where a public one belongs.
    Secret,
    /// A public key where a secret one belongs.
    Public,
    /// A key of another kind than X25519, or not a key.
    Unknown,
    /// A character is wrong or missing.
    Mistyped,
    /// A point that gives everyone the same shared secret.
    Weak,
    /// A file without a key.
    Empty,
}

impl fmt::Display for KeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Secret => {
                "is a secret key, which belongs nowhere but with its owner; its public key starts with age1"
            }
            Self::Public => "is a public key; the secret key starts with AGE-SECRET-KEY-1",
            Self::Unknown => "is not an X25519 key of age, as age-keygen makes them",
            Self::Mistyped => "is mistyped: its check sum is wrong",
            Self::Weak => "is a public key that protects nothing",
            Self::Empty => "holds no line that starts with AGE-SECRET-KEY-1",
        })
    }
}

impl std::error::Error for KeyError {}

impl Recipient {
    /// Parses a public key, `age1...`.
    ///
    /// # Errors
    /// When it is not a public key.
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        if text.to_ascii_uppercase().starts_with(SECRET) {
            return Err(KeyError::Secret);
        }
        if !text.starts_with("age1") {
            return Err(KeyError::Unknown);
        }
        let point = *decoded(text)?;
        // Any multiple of a weak point is zero.
        if x25519([1; 32], point) == [0; 32] {
            return Err(KeyError::Weak);
        }
        Ok(Self { text: text.to_owned(), point })
    }

    /// Returns the text that was parsed.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl Identity {
    /// Parses the secret keys in a file of age-keygen: one a line, with empty lines and comments
    /// between them.
    ///
    /// # Errors
    /// When a line is not a key, or there is no key. Returns the line, counted from 1, and what is
    /// wrong.
    pub fn parse_file(text: &str) -> Result<Vec<Self>, (usize, KeyError)> {
        let lines = text.lines().map(str::trim).enumerate();
        let keys = lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#'));
        let keys: Result<Vec<_>, _> =
            keys.map(|(index, line)| Self::parse(line).map_err(|error| (index + 1, error))).collect();
        match keys {
            Ok(none) if none.is_empty() => Err((text.lines().count().max(1), KeyError::Empty)),
            keys => keys,
        }
    }

    fn parse(text: &str) -> Result<Self, KeyError> {
        if text.starts_with("age1") {
            return Err(KeyError::Public);
        }
        if !text.starts_with(SECRET) {
            return Err(KeyError::Unknown);
        }
        decoded(text).map(Self)
    }
}

/// Returns the 32 bytes of a key whose prefix was checked.
fn decoded(text: &str) -> Result<Zeroizing<[u8; 32]>, KeyError> {
    let checked = CheckedHrpstring::new::<Bech32>(text).map_err(|_| KeyError::Mistyped)?;
    // Other kinds of keys start like this, too, and then have another 1.
    if !["age", "AGE-SECRET-KEY-"].contains(&checked.hrp().as_str()) {
        return Err(KeyError::Unknown);
    }
    let mut bytes = Zeroizing::new([0; 32]);
    let mut found = checked.byte_iter();
    if found.len() != bytes.len() {
        return Err(KeyError::Unknown);
    }
    bytes.iter_mut().zip(&mut found).for_each(|(to, from)| *to = from);
    Ok(bytes)
}

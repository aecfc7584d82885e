//! Decides what to do about the persist volume: make it, open it, or leave the content alone.
//!
//! The entry in the partition table records that a volume was finished. If there is an entry,
//! nothing is ever formatted. If there is none, [`creation`](mod@creation) decides.

pub mod admission;
mod capacity;
mod creation;
mod luks2;
mod recognise;
pub mod recovery;
pub mod repair;
pub mod reset;

use std::fmt;

use crate::token::Tpm2Token;
use crate::token::ahead::Ahead;

pub use capacity::has_room;
pub use creation::{Creation, FINISHED, Lock, Place, UNFINISHED, creation, is_for_people, lock, place};
pub use luks2::{Fault, Flaw, Header, MOST_HEADER_BYTES, has_first_copy, header_bytes, metadata};
pub use recognise::{HEAD_BYTES, UNKNOWN, filesystem, recognise};

/// What is at the start of a partition.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Seen {
    /// Zeros only.
    Blank,
    /// A LUKS2 header that is safe to open.
    Luks2(Header),
    /// A LUKS2 header that is not safe to open.
    Unsafe(Flaw),
    /// A LUKS2 header that could not be read, with the reason.
    Damaged(String),
    /// Something else, with its article: `an ext4 file system`.
    Other(&'static str),
}

/// The keys that can open a volume.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Locks {
    /// Tokens of this or another TPM, in the header's order.
    pub tokens: Vec<Tpm2Token>,
    /// `systemd-tpm2` tokens that are not usable, with a sentence for each.
    pub unusable: Vec<String>,
    /// Whether there is a key slot for a recovery key.
    pub recovery: bool,
    /// Slots for changes that the owner announces.
    pub ahead: Vec<Ahead>,
}

/// Why a listed partition is not opened.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Refusal {
    /// It is not a LUKS2 volume, but something else.
    NotLuks2(String),
    /// It is a LUKS2 volume that this system did not make.
    Foreign,
    /// It is a LUKS2 volume whose key slots hold no key of the data.
    NoKey,
    /// Its header has something that makes opening it unsafe.
    Unsafe(Flaw),
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotLuks2(seen) => write!(f, "the partition holds {seen}, not a LUKS2 volume")?,
            Self::Foreign => f.write_str(
                "the partition holds a LUKS2 volume without a systemd-tpm2 or systemd-recovery token, \
                 so it is not one that this system made",
            )?,
            Self::NoKey => {
                f.write_str("the partition holds a LUKS2 volume without a key slot, which nothing opens")?
            }
            Self::Unsafe(what) => {
                write!(f, "the partition holds a LUKS2 volume that is not safe to open: {what}")?
            }
        }
        f.write_str(
            "; nothing was changed; give it another label than persist to have a new volume made beside it",
        )
    }
}

impl std::error::Error for Refusal {}

/// Returns the header of a volume and the keys that can open it, from what is on the partition that
/// the table lists as `persist`. It need not have a key of a TPM: its owner may have left a passphrase
/// alone. Whether the volume is this machine's is not known before it is open, see [`admission`].
///
/// # Errors
/// When the partition is not a volume that can be opened here.
pub fn openable(seen: Seen) -> Result<(Header, Locks), Refusal> {
    let header = match seen {
        Seen::Luks2(header) => header,
        Seen::Blank => return Err(Refusal::NotLuks2("nothing but zeros".to_owned())),
        Seen::Other(what) => return Err(Refusal::NotLuks2(what.to_owned())),
        Seen::Unsafe(flaw) => return Err(Refusal::Unsafe(flaw)),
        Seen::Damaged(cause) => return Err(Refusal::NotLuks2(format!("a damaged LUKS2 header ({cause})"))),
    };
    let locks = header.locks();
    if header.has_key() { Ok((header, locks)) } else { Err(Refusal::NoKey) }
}

#[cfg(test)]
mod tests;

//! Whether there is room for a copy. The system that starts has to have some, too.

use std::fmt;

/// The part of the volume that has to stay free.
const STAYS: u64 = 20;
/// What a name costs beside its content.
const NAME: u64 = 1 << 10;
const MIB: u64 = 1 << 20;

/// What a copy needs is more than may be used, in bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Short {
    needed: u64,
    free: u64,
    stays: u64,
}

/// Decides by the size of the volume and its free bytes. `shares`: whether copies share their blocks with what they
/// are of.
///
/// # Errors
/// When too little would be left.
pub fn room(volume: u64, free: u64, names: u64, bytes: u64, shares: bool) -> Result<(), Short> {
    let content = if shares { 0 } else { bytes };
    let needed = names.saturating_mul(NAME).saturating_add(content);
    let stays = volume / STAYS;
    if needed.saturating_add(stays) > free { Err(Short { needed, free, stays }) } else { Ok(()) }
}

impl std::error::Error for Short {}

impl fmt::Display for Short {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { needed, free, stays } = self;
        write!(
            f,
            "it needs {} MiB, {} MiB are free, and {} MiB of them have to stay free",
            needed.div_ceil(MIB),
            free / MIB,
            stays.div_ceil(MIB)
        )
    }
}

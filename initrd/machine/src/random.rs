//! Random numbers: secrets and UUIDs.

use std::fs::File;
use std::io::Read;

use anyhow::{Context as _, Result};
use pattern::table::Guid;
use zeroize::Zeroizing;

/// Returns a random UUID, of a partition or a volume.
///
/// # Errors
/// When there is no `/dev/urandom`.
pub fn uuid() -> Result<Guid> {
    let mut bytes = [0; 16];
    let mut source = File::open("/dev/urandom").context("opening /dev/urandom")?;
    source.read_exact(&mut bytes).context("reading /dev/urandom")?;
    Ok(Guid::from_random(bytes))
}

/// Returns a random secret. Unlike `/dev/urandom`, this waits until the kernel has gathered
/// randomness after power-on.
///
/// # Errors
/// When `/dev/random` can't be read.
pub fn secret() -> Result<Zeroizing<[u8; 32]>> {
    let mut bytes = Zeroizing::new([0; 32]);
    let read = File::open("/dev/random").and_then(|mut source| source.read_exact(&mut *bytes));
    read.context("reading /dev/random")?;
    Ok(bytes)
}

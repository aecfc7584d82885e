//! The request for a factory reset, in an EFI variable: root leaves it, and the next boot reads it.

use anyhow::{Context as _, Result};
use pattern::table::Partition;
use pattern::volume::reset::{Wish, request};

use crate::machine::efi_variable::Variable;

/// Holds the UUID of the volume's partition.
const REQUEST: &str = "PatternResetRequest";

/// Asks the next boot.
///
/// # Errors
/// When the firmware keeps no variables.
pub(crate) fn leave(part: &Partition, wish: Wish) -> Result<()> {
    let written = Variable::new(REQUEST).write(request(part, wish).as_bytes());
    written.context("leaving a request for the next boot; the boot menu has an entry for a reset, too")
}

/// Takes the request back.
///
/// # Errors
/// When it is there and can't be removed.
pub(crate) fn cancel() -> Result<()> {
    Variable::new(REQUEST).remove().context("taking the request back")
}

/// The request, if there is one.
///
/// # Errors
/// When there are no EFI variables.
pub(crate) fn stored() -> Result<Option<String>> {
    let bytes = Variable::new(REQUEST).read().context("reading the request for a reset")?;
    Ok(bytes.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()))
}

/// The request, if there is one; a machine without EFI variables can't have one.
pub(crate) fn read() -> Option<String> {
    stored().unwrap_or_else(|error| {
        log::debug!("{error:#}");
        None
    })
}

/// Removes the request, if there is one. One that stays is for a volume that is gone.
pub(crate) fn forget() {
    if read().is_some()
        && let Err(error) = Variable::new(REQUEST).remove()
    {
        log::warn!("{error:#}");
    }
}

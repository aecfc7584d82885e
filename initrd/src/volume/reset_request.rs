//! The request for a factory reset: an EFI variable that root writes and the next boot reads.

use anyhow::{Context as _, Result};
use pattern::table::Partition;
use pattern::volume::reset::{Wish, request};
use pattern_machine::efi_variable::Variable;

/// The variable's value names the volume's partition by its UUID.
const REQUEST: &str = "PatternResetRequest";

/// Leaves the request for the next boot.
///
/// # Errors
/// When the firmware stores no variables.
pub(crate) fn leave(part: &Partition, wish: Wish) -> Result<()> {
    let written = Variable::new(REQUEST).write(request(part, wish).as_bytes());
    written.context("leaving a request for the next boot; the boot menu has an entry for a reset, too")
}

/// Withdraws the request.
///
/// # Errors
/// When it exists and can't be removed.
pub(crate) fn cancel() -> Result<()> {
    Variable::new(REQUEST).remove().context("taking the request back")
}

/// Returns the request, if there is one.
///
/// # Errors
/// When there are no EFI variables.
pub(crate) fn stored() -> Result<Option<String>> {
    let bytes = Variable::new(REQUEST).read().context("reading the request for a reset")?;
    Ok(bytes.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()))
}

/// Returns the request, if there is one. A machine without EFI variables can't have one.
pub(crate) fn read() -> Option<String> {
    stored().unwrap_or_else(|error| {
        log::debug!("{error:#}");
        None
    })
}

/// Removes the request, if there is one. A request that stays names a volume that no longer exists.
pub(crate) fn forget() {
    if read().is_some()
        && let Err(error) = Variable::new(REQUEST).remove()
    {
        log::warn!("{error:#}");
    }
}

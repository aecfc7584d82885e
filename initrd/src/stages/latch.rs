//! `pattern-latch`: makes sure that nothing after the initrd gets the volume's key, and that the
//! system only sees the bound directories of the volume.

use anyhow::Result;
use pattern_machine::tpm_device;

use crate::context::Context;
use crate::stage::Report;
use crate::tpm::{Tcti, measure};
use crate::volume::confine;

/// Locks the key, and closes the volume to the system.
///
/// # Errors
/// When there is a TPM that can't be extended, or the volume can't be closed.
pub(crate) fn run(ctx: &Context) -> Result<Report> {
    // A boot without a volume has not waited for it.
    tpm_device::wait();
    let locked = measure::lock(&ctx.tcti, ctx.config.debug)?;
    let closed = if confine::run()? { ", closed /persist/root" } else { "" };
    let decided = format!("{locked}{closed}");
    Ok(Report { found: if tpm_device::exists() { "a TPM" } else { "no TPM" }.to_owned(), decided })
}

/// Locks the key before an emergency shell. A missing configuration can be the reason for the
/// emergency, so none is required. It then does not count as `debug = true`.
///
/// # Errors
/// When there is a TPM that can't be extended.
pub(crate) fn emergency() -> Result<()> {
    tpm_device::wait();
    let debug = Context::here().is_ok_and(|context| context.config.debug);
    measure::lock(&Tcti::default(), debug).map(drop)
}

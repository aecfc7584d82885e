//! `pattern-recovery`: reminds at login of what the owner should know of the volume, and keeps the
//! escrow's copy up to date.

use anyhow::Result;
use pattern::config::Config;
use pattern::firmware::secure_boot::warning;
use pattern_machine::boot::secure_boot;
use pattern_machine::people::banner;
use pattern_machine::tpm_device;

use crate::context::Context;
use crate::stage::Report;
use crate::volume::{place, reminder};

/// Reads the header. Writes the escrow's copy and the messages if they are out of date.
///
/// # Errors
/// When the header can't be read, or something can't be written.
pub(crate) fn run(ctx: &Context) -> Result<Report> {
    let Some(device) = place::listed(ctx)? else {
        return Ok(Report { found: "no persist volume".to_owned(), decided: "nothing to tell".to_owned() });
    };
    // If the firmware lets anyone start a system, the owner should know that, too.
    let unprotected =
        if warn(&ctx.config)? { ", warning shown at each login that Secure Boot is off" } else { "" };
    let (keys, done) = reminder::refresh(&ctx.config, &device)?;
    Ok(Report { found: format!("{keys} on {}", device.display()), decided: format!("{done}{unprotected}") })
}

/// Shows at each login what is not protected. Returns whether there is a message.
///
/// # Errors
/// When the message can't be written.
fn warn(config: &Config) -> Result<bool> {
    let message = warning(secure_boot(), config, tpm_device::exists());
    if let Some(message) = &message {
        log::warn!("{message}");
    }
    banner::show("52-pattern-secure-boot", message.as_deref())?;
    Ok(message.is_some())
}

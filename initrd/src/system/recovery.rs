//! `pattern-recovery`: says at each login what the owner should know of the volume, and keeps the escrow's copy.

use anyhow::Result;
use pattern::config::Config;
use pattern::firmware::secure_boot::warning;

use crate::context::Context;
use crate::machine::boot::secure_boot;
use crate::people::banner;
use crate::stage::Report;
use crate::volume::{place, reminder};

/// Looks at the header; writes the copy and the messages where they are not as they must be.
///
/// # Errors
/// When the header can't be read, or something can't be written.
pub(crate) fn run(ctx: &Context) -> Result<Report> {
    let Some(device) = place::listed(ctx)? else {
        return Ok(Report { found: "no persist volume".to_owned(), decided: "nothing to tell".to_owned() });
    };
    // Where the firmware lets anyone start a system, the key is not the only thing that the owner should know of.
    let unprotected =
        if warn(&ctx.config)? { ", warning shown at each login that Secure Boot is off" } else { "" };
    let (keys, done) = reminder::refresh(&ctx.config, &device)?;
    Ok(Report { found: format!("{keys} on {}", device.display()), decided: format!("{done}{unprotected}") })
}

/// Says at each login what is not protected; returns whether there is something to say.
///
/// # Errors
/// When the message can't be written.
fn warn(config: &Config) -> Result<bool> {
    let message = warning(secure_boot(), config);
    if let Some(message) = &message {
        log::warn!("{message}");
    }
    banner::show("52-pattern-secure-boot", message.as_deref())?;
    Ok(message.is_some())
}

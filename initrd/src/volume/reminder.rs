//! What the machine shows of its recovery keys outside the volume: at each login, and on the EFI
//! system partition.

use std::path::Path;

use anyhow::Result;
use pattern::config::Config;
use pattern::volume::Header;
use pattern::volume::recovery::warning;
use pattern_machine::people::banner;

use crate::volume::{escrow, place};

/// Returns whether a recovery key is missed: the image requires one, or nothing else can be typed.
pub(crate) fn is_needed(config: &Config, header: &Header) -> bool {
    config.volume.recovery_key || header.entry().asked().is_none()
}

/// Makes the reminder and the escrow's copy match the header. Returns the number of recovery keys
/// and what was done, both in words.
///
/// # Errors
/// When the header can't be read, or something can't be written.
pub(crate) fn refresh(config: &Config, device: &Path) -> Result<(String, String)> {
    let (header, locks) = place::recognised(device)?;
    locks
        .unusable
        .iter()
        .for_each(|token| log::warn!("the TPM does not open {} by {token}", device.display()));
    let slots = header.recovery_slots();
    let message = warning(&slots, is_needed(config, &header));
    if let Some(message) = message {
        log::warn!("{message}");
    }
    banner::show("51-pattern-recovery", message)?;
    let copied = escrow::copy(&header, &slots)?;
    let told = if message.is_some() { "reminder shown at each login" } else { "nothing to tell" };
    let keys = if slots.len() == 1 { "key" } else { "keys" };
    let others = header.other_slots();
    others.iter().for_each(|slot| log::info!("{} is also opened by {slot}", device.display()));
    Ok((format!("{} recovery {keys}", slots.len()), format!("{told}, {copied}")))
}

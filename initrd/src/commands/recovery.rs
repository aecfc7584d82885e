//! `pattern recovery`: lists the recovery keys, and what else opens the volume.

use std::path::Path;

use anyhow::Result;
use pattern::volume::recovery::{OtherSlot, RecoverySlot};
use pattern_machine::output;
use serde_json::{Value, json};

use crate::context::Context;
use crate::volume::{place, request};

/// Prints the state. Returns whether a key was confirmed.
///
/// # Errors
/// When the header can't be read, or the state can't be written.
pub(crate) fn status(ctx: &Context, as_json: bool) -> Result<bool> {
    let device = place::volume(ctx)?;
    let (header, locks) = place::recognised(&device)?;
    let (slots, waiting) = (header.recovery_slots(), request::is_waiting());
    let others = header.other_slots();
    if as_json {
        let keys: Vec<Value> = slots.iter().map(object).collect();
        let others: Vec<Value> = others.iter().map(other).collect();
        let state =
            json!({ "volume": header.uuid(), "keys": keys, "others": others, "new_at_next_boot": waiting });
        output::line(&state.to_string())?;
    } else {
        let mut lines = lines(&device, &slots, &others, waiting);
        // Other tools enroll them, and the next boot asks a person.
        lines.extend(locks.unusable.iter().map(|token| {
            format!(
                "The TPM does not open {} by {token}. To bind the volume again, run: pattern rebind",
                device.display()
            )
        }));
        output::lines(&lines)?;
    }
    Ok(slots.iter().any(|slot| slot.confirmed))
}

fn lines(device: &Path, slots: &[RecoverySlot], others: &[OtherSlot], waiting: bool) -> Vec<String> {
    let device = device.display();
    let mut lines: Vec<_> = slots.iter().map(|slot| format!("Recovery key of {device}, {slot}.")).collect();
    if slots.is_empty() {
        lines.push(format!("{device} has no recovery key. To make one, run: pattern recovery new"));
    }
    lines.extend(others.iter().map(|slot| {
        let keyslot = slot.keyslot;
        format!("{device} is also opened by {slot}. To remove it, run: pattern recovery wipe-slot {keyslot}")
    }));
    if waiting {
        lines.push("The next boot makes a new one, and shows it on the console.".to_owned());
    }
    lines
}

fn object(slot: &RecoverySlot) -> Value {
    let escrow = slot.escrow.as_ref().map_or(&[][..], |escrow| &escrow.recipients);
    json!({ "keyslot": slot.keyslot, "confirmed": slot.confirmed, "escrow": escrow })
}

fn other(slot: &OtherSlot) -> Value {
    json!({ "keyslot": slot.keyslot, "tokens": slot.tokens })
}

//! `pattern recovery`: lists the recovery keys, and what else opens the volume.

use anyhow::Result;
use pattern::volume::recovery::{OtherSlot, RecoverySlot};
use serde_json::{Value, json};

use crate::context::Context;
use crate::volume::{place, request};

/// Prints the state. Returns whether a key was confirmed.
///
/// # Errors
/// When the header can't be read.
pub(crate) fn status(ctx: &Context, as_json: bool) -> Result<bool> {
    let device = place::volume(ctx)?;
    let header = place::header(&device)?;
    let (slots, waiting) = (header.recovery_slots(), request::is_waiting());
    let others = header.other_slots();
    if as_json {
        let keys: Vec<Value> = slots.iter().map(object).collect();
        let others: Vec<Value> = others.iter().map(other).collect();
        println!(
            "{}",
            json!({ "volume": header.uuid(), "keys": keys, "others": others, "new_at_next_boot": waiting })
        );
    } else {
        let device = device.display();
        slots.iter().for_each(|slot| println!("Recovery key of {device}, {slot}."));
        if slots.is_empty() {
            println!("{device} has no recovery key. To make one, run: pattern recovery new");
        }
        for slot in &others {
            println!(
                "{device} is also opened by {slot}. To remove it, run: pattern recovery wipe-slot {}",
                slot.keyslot
            );
        }
        if waiting {
            println!("The next boot makes a new one, and shows it on the console.");
        }
    }
    Ok(slots.iter().any(|slot| slot.confirmed))
}

fn object(slot: &RecoverySlot) -> Value {
    let escrow = slot.escrow.as_ref().map_or(&[][..], |escrow| &escrow.recipients);
    json!({ "keyslot": slot.keyslot, "confirmed": slot.confirmed, "escrow": escrow })
}

fn other(slot: &OtherSlot) -> Value {
    json!({ "keyslot": slot.keyslot, "tokens": slot.tokens })
}

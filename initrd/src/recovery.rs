//! `pattern-recovery`: keeps the escrow's copy on the EFI system partition as the header has it, and says at each login that
//! the recovery key was not confirmed. And what `pattern recovery` says.

use std::fs::{self, File};
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use pattern::recovery::{RecoverySlot, warning};
use pattern::volume::Header;
use serde_json::{Value, json};

use crate::Report;
use crate::context::Context;
use crate::{banner, entries, persist, staged};

/// Below the root of the EFI system partition.
const FOLDER: &str = "EFI/pattern";

/// Looks at the header; writes the copy and the message where they are not as they must be.
///
/// # Errors
/// When the header can't be read, or something can't be written.
pub(crate) fn run(ctx: &Context) -> Result<Report> {
    let Some(device) = staged::listed(ctx)? else {
        return Ok(Report { found: "no persist volume".to_owned(), decided: "nothing to tell".to_owned() });
    };
    let header = header(&device)?;
    let slots = header.recovery_slots();
    let message = warning(&slots, ctx.config.volume.recovery_key);
    if let Some(message) = message {
        log::warn!("{message}");
    }
    banner::show("51-pattern-recovery", message)?;
    let copied = copy(&header, &slots)?;
    let told = if message.is_some() { "told so at each login" } else { "nothing to tell" };
    let found = format!("{} recovery keys on {}", slots.len(), device.display());
    Ok(Report { found, decided: format!("{told}, {copied}") })
}

/// Prints what there is; answers with whether a key was confirmed.
///
/// # Errors
/// When the header can't be read.
pub(crate) fn status(ctx: &Context, as_json: bool) -> Result<bool> {
    let device = staged::volume(ctx)?;
    let header = header(&device)?;
    let (slots, waiting) = (header.recovery_slots(), persist::is_waiting());
    if as_json {
        let keys: Vec<Value> = slots.iter().map(object).collect();
        println!("{}", json!({ "volume": header.uuid(), "keys": keys, "new_at_next_boot": waiting }));
    } else {
        let device = device.display();
        slots.iter().for_each(|slot| println!("Recovery key of {device}, {slot}."));
        if slots.is_empty() {
            println!("{device} has no recovery key. To make one, run: pattern recovery new");
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

fn header(device: &Path) -> Result<Header> {
    let (header, _) =
        persist::recognised(device).with_context(|| format!("persist volume {}", device.display()))?;
    Ok(header)
}

/// Where the header has a key in escrow, the file has the same; else there is none.
fn copy(header: &Header, slots: &[RecoverySlot]) -> Result<String> {
    let wanted = slots.iter().find_map(|slot| slot.escrow.as_ref());
    let path = match entries::partition() {
        Ok(partition) => partition.join(FOLDER).join(format!("{}.age", header.uuid())),
        // A machine started without firmware has none, and misses nothing.
        Err(_) if wanted.is_none() => return Ok("no key in escrow".to_owned()),
        Err(error) => return Err(error).context("copying the escrow of the recovery key"),
    };
    let done = bring(&path, wanted.map(|escrow| escrow.file.as_bytes()));
    done.with_context(|| format!("bringing {} to what the header has", path.display()))
}

/// The header is what counts: a cut on the way here leaves work for the next boot.
fn bring(path: &PathBuf, wanted: Option<&[u8]>) -> Result<String> {
    let found = match fs::read(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => None,
        found => Some(found?),
    };
    let folder = path.parent().unwrap_or(path);
    match wanted {
        None if found.is_none() => return Ok("no key in escrow".to_owned()),
        Some(wanted) if found.as_deref() == Some(wanted) => {
            return Ok("the escrow is as it must be".to_owned());
        }
        None => fs::remove_file(path)?,
        Some(wanted) => {
            fs::create_dir_all(folder)?;
            let new = path.with_extension("new");
            let mut file = File::create(&new)?;
            file.write_all(wanted)?;
            file.sync_all()?;
            fs::rename(&new, path)?;
        }
    }
    File::open(folder)?.sync_all()?;
    Ok(format!("{} {}", if wanted.is_some() { "wrote" } else { "removed" }, path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_copy_becomes_what_the_header_has() {
        let folder = std::env::temp_dir().join(format!("pattern-escrow-{}", std::process::id()));
        let path = folder.join("pattern/uuid.age");
        assert_eq!(bring(&path, None).unwrap(), "no key in escrow");
        assert!(bring(&path, Some(b"one")).unwrap().starts_with("wrote "));
        assert_eq!(bring(&path, Some(b"one")).unwrap(), "the escrow is as it must be");
        assert!(bring(&path, Some(b"two")).unwrap().starts_with("wrote "));
        assert_eq!(fs::read(&path).unwrap(), b"two");
        fs::write(&path, "").unwrap();
        assert!(bring(&path, Some(b"two")).unwrap().starts_with("wrote "));
        assert!(bring(&path, None).unwrap().starts_with("removed "));
        assert_eq!(fs::read_dir(folder.join("pattern")).unwrap().count(), 0);
        fs::remove_dir_all(folder).unwrap();
    }
}

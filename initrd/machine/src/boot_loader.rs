//! What systemd-boot goes by besides its entries: EFI variables (UAPI "Boot Loader Interface") and
//! `loader.conf` (loader.conf(5)).

use std::fs;
use std::path::Path;

use anyhow::Result;
use pattern::update::entry::Entry;
use pattern::update::setting::{Setting, Settings, pins};

use crate::efi_variable::Variable;

const ONE_SHOT: &str = "LoaderEntryOneShot";
const DEFAULT: &str = "LoaderEntryDefault";
const LAST: &str = "LoaderEntryLastBooted";
const SAVED: &str = "@saved";

/// Reads the settings. What can't be read is not set for the boot loader either.
pub(crate) fn settings(esp: &Path) -> Settings {
    let file = fs::read_to_string(esp.join("loader/loader.conf")).unwrap_or_default();
    Settings {
        one_shot: value(ONE_SHOT),
        default: value(DEFAULT).and_then(or_saved),
        file: default_line(&file).map(str::to_owned).and_then(or_saved),
    }
}

/// Removes a setting of the firmware.
///
/// # Errors
/// When the firmware refuses.
pub(crate) fn forget(setting: Setting) -> Result<()> {
    match setting {
        Setting::OneShot => Variable::of_loader(ONE_SHOT).remove(),
        Setting::Default => Variable::of_loader(DEFAULT).remove(),
        Setting::File => Ok(()),
    }
}

/// Has the boot loader start a version once.
///
/// # Errors
/// When the firmware refuses.
pub fn start_once(id: &str, version: &str) -> Result<()> {
    let entry = Entry { version: version.to_owned(), tries: None };
    Variable::of_loader(ONE_SHOT).write(&encode(&entry.name(id)))
}

/// Removes a default entry that names a version on trial. The boot loader would start the version
/// again after each failure, whatever its tries. Returns whether there was one.
///
/// # Errors
/// When the firmware refuses.
pub fn unpin(id: &str, version: &str) -> Result<bool> {
    let entry = Entry { version: version.to_owned(), tries: None };
    let pattern = value(DEFAULT).and_then(or_saved);
    if !pattern.is_some_and(|pattern| pins(&pattern, id, &[entry])) {
        return Ok(false);
    }
    Variable::of_loader(DEFAULT).remove()?;
    Ok(true)
}

/// The default `@saved` means the entry of the last boot.
fn or_saved(pattern: String) -> Option<String> {
    if pattern == SAVED { value(LAST) } else { Some(pattern) }
}

fn value(name: &'static str) -> Option<String> {
    decode(&Variable::of_loader(name).read().ok()??)
}

/// Decodes UTF-16 up to the first NUL. An empty text is not a value.
fn decode(bytes: &[u8]) -> Option<String> {
    let units = bytes.chunks_exact(2).filter_map(|pair| Some(u16::from_le_bytes(pair.try_into().ok()?)));
    let text: Vec<u16> = units.take_while(|unit| *unit != 0).collect();
    Some(String::from_utf16_lossy(&text)).filter(|text| !text.is_empty())
}

fn encode(text: &str) -> Vec<u8> {
    text.encode_utf16().chain([0]).flat_map(u16::to_le_bytes).collect()
}

/// Returns the value of the last line `default`.
fn default_line(text: &str) -> Option<&str> {
    let lines = text.lines().rev().filter_map(|line| line.trim().split_once([' ', '\t']));
    lines.filter(|(key, _)| *key == "default").map(|(_, value)| value.trim()).next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_of_the_boot_loader_have_utf_16_text() {
        assert_eq!(decode(&encode("demo_1.efi")).as_deref(), Some("demo_1.efi"));
        assert_eq!(decode(b"d\0e"), Some("d".to_owned()));
        assert_eq!((decode(b""), decode(b"\0\0")), (None, None));
    }

    #[test]
    fn the_last_line_of_the_file_counts() {
        assert_eq!(default_line("timeout 3\n# default x\ndefault  demo_1*\n"), Some("demo_1*"));
        assert_eq!(default_line("default a\n\tdefault\tb \n"), Some("b"));
        assert_eq!((default_line(""), default_line("defaults x")), (None, None));
    }
}

//! What a wrong command line was meant to be, where it is near to no command or option of ours.

use std::ffi::OsString;

use clap::error::ErrorKind;

/// Returns what to type instead.
pub(super) fn instead(error: ErrorKind, words: &[OsString]) -> Option<&'static str> {
    let has = |wanted: &str| words.iter().skip(1).any(|word| word == wanted);
    let first = words.iter().skip(1).find(|word| !word.to_string_lossy().starts_with('-'))?;
    match error {
        ErrorKind::InvalidSubcommand if first == "version" => Some("pattern --version"),
        ErrorKind::InvalidSubcommand if first == "decrypt" => {
            Some("pattern recovery decrypt FILE --identity KEYFILE")
        }
        // age(1) calls it so.
        ErrorKind::UnknownArgument if has("decrypt") && has("-i") => {
            Some("pattern recovery decrypt FILE --identity KEYFILE")
        }
        _ => None,
    }
}

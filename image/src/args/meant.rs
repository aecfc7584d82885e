//! What a wrong command line was meant to be, where it is near to no command or option of ours.

use std::ffi::OsString;

use clap::Parser as _;
use clap::error::ErrorKind;

use super::Arguments;

/// Returns the same error with a similar command, which clap knows, but not behind `help`.
pub(super) fn behind_help(error: ErrorKind, words: &[OsString]) -> Option<clap::Error> {
    let is_wanted = |word: &OsString| !word.to_string_lossy().starts_with('-');
    let first = words.iter().skip(1).position(is_wanted)? + 1;
    if error != ErrorKind::InvalidSubcommand || words.get(first)? != "help" {
        return None;
    }
    let mut words = words.to_vec();
    words.remove(first);
    let known = Arguments::try_parse_from(words).err()?;
    (known.kind() == error).then_some(known)
}

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

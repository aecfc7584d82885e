//! The commands of the other program of the same name: the one on the machine that an image runs on.

use std::ffi::OsString;

use clap::error::ErrorKind;
use pattern::command::topics;

const OF_RECOVERY: [&str; 4] = ["status", "confirm", "new", "wipe-slot"];

/// Returns the command of the machine that was typed here.
pub(super) fn command(error: ErrorKind, words: &[OsString]) -> Option<String> {
    if error != ErrorKind::InvalidSubcommand {
        return None;
    }
    let words = words.iter().skip(1).filter_map(|word| word.to_str());
    let mut words = words.filter(|word| *word != "help" && !word.starts_with('-'));
    match (words.next()?, words.next()) {
        ("recovery", Some(command)) if OF_RECOVERY.contains(&command) => Some(format!("recovery {command}")),
        // Both programs have this one, with other words behind it.
        ("recovery", _) => None,
        (command, _) if topics().any(|topic| topic.name == command) => Some(command.to_owned()),
        _ => None,
    }
}

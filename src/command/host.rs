//! The commands of the other program of this name: the tool of the host that images are built on.

use super::wrong::Wrong;

const COMMANDS: [&str; 12] = [
    "build",
    "run",
    "config",
    "gen-keyring",
    "sign-image",
    "sign-release",
    "serve",
    "completion",
    "init",
    "show",
    "burn",
    "addon",
];

/// Refuses a command of the host's tool.
pub(super) fn refuse(words: &[String]) -> Result<(), Wrong> {
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let command = match *words {
        [command, ..] | ["help", command, ..] if COMMANDS.contains(&command) => command,
        ["recovery", "decrypt", ..] => "recovery decrypt",
        _ => return Ok(()),
    };
    Err(Wrong::new(format!("`pattern {command}` is a command of the host tool, not of the machine")))
}

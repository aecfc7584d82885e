//! Reads the command line of `pattern` on the machine that an image runs on.

mod elsewhere;
mod given;
mod host;
mod read;
mod topic;
mod wrong;

use std::ffi::OsString;
use std::path::PathBuf;

use lexopt::Parser;
use lexopt::prelude::*;

use crate::config::limit::Limit;
use crate::etc;
use crate::firmware::Variable;
pub use elsewhere::Elsewhere;
use given::Given;
pub use topic::Topic;
pub use wrong::Wrong;

/// What a command line asks for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Command {
    /// Print this help.
    Help(String),
    /// Print the program's version.
    Version,
    /// `status`
    Status {
        /// As a JSON object.
        as_json: bool,
        /// Read all of the version in the other slot.
        verify: bool,
    },
    /// `update`
    Update {
        /// Start this version, and not the newest one.
        version: Option<String>,
        /// Even while the running version is on trial.
        force: bool,
        /// Only say what would be fetched.
        dry_run: bool,
        /// How much may be fetched.
        limit: Option<Limit>,
    },
    /// `rollback`
    Rollback,
    /// `check-update`
    CheckUpdate {
        /// As a JSON object.
        as_json: bool,
    },
    /// `etc`
    Etc(Etc),
    /// `rebind`
    Rebind,
    /// `rebind --ahead`
    Announce {
        /// Files that will be appended to these variables.
        files: Vec<(Variable, PathBuf)>,
        /// Whether to accept what was added to the kernel image.
        additions: bool,
    },
    /// `recovery`
    Recovery(Recovery),
    /// `reset`
    Reset(Reset),
}

/// What `pattern etc` has to do.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Etc {
    /// Say what differs from the image's `/etc`.
    Diff {
        /// As a JSON object.
        as_json: bool,
        /// Only at this path and below.
        within: Option<etc::Path>,
    },
    /// List the conflicts that are open.
    Conflicts {
        /// As a JSON object.
        as_json: bool,
    },
    /// Take the image's for this path.
    Take(etc::Path),
    /// Let the machine's stay, at this path and below.
    Keep(etc::Path),
    /// Undo the last choice.
    Undo,
    /// Say what happened to the kept `/etc`.
    History {
        /// As a JSON object.
        as_json: bool,
    },
}

impl Etc {
    /// Returns whether the answer is to be a JSON object.
    #[must_use]
    pub const fn as_json(&self) -> bool {
        match self {
            Self::Diff { as_json, .. } | Self::Conflicts { as_json } | Self::History { as_json } => *as_json,
            Self::Take(_) | Self::Keep(_) | Self::Undo => false,
        }
    }
}

/// What `pattern recovery` has to do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Recovery {
    /// Say which recovery keys there are.
    Status {
        /// As a JSON object.
        as_json: bool,
    },
    /// Confirm that a key was kept.
    Confirm,
    /// Make a new key.
    New,
    /// Remove this keyslot.
    WipeSlot(u32),
}

/// What `pattern reset` has to do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reset {
    /// Request a reset from the next boot.
    Ask {
        /// Who confirms it.
        word: Word,
        /// Whether to restart at once.
        now: bool,
    },
    /// Withdraw the request.
    Cancel,
    /// Say whether there is a request.
    Status {
        /// As a JSON object.
        as_json: bool,
    },
}

/// Who confirms that the volume may be erased.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Word {
    /// The owner, at this terminal.
    Here,
    /// Root, with `--yes`.
    Given,
    /// Whoever sits at the console of the next boot.
    AtConsole,
}

/// Reads the options and words behind a command.
type Read = fn(&Given) -> Result<Command, Wrong>;

/// All commands, in the order of the help.
const COMMANDS: [(&Topic, Read); 8] = [
    (&topic::STATUS, read::status),
    (&topic::UPDATE, read::update),
    (&topic::ROLLBACK, read::rollback),
    (&topic::CHECK_UPDATE, read::check_update),
    (&topic::ETC, read::etc),
    (&topic::REBIND, read::rebind),
    (&topic::RECOVERY, read::recovery),
    (&topic::RESET, read::reset),
];

/// Returns what there is to say of each command.
pub fn topics() -> impl Iterator<Item = &'static Topic> {
    COMMANDS.iter().map(|(topic, _)| *topic)
}

/// Parses the words after the program's name.
///
/// # Errors
/// When they are wrong usage.
pub fn parse(words: impl IntoIterator<Item = OsString>) -> Result<Command, Wrong> {
    let words: Vec<String> = words.into_iter().map(utf8).collect::<Result<_, _>>()?;
    host::refuse(&words)?;
    let mut parser = Parser::from_args(words);
    match parser.next()? {
        Some(Long("help") | Short('h')) => help(&mut parser),
        Some(Long("version") | Short('V')) => last(&mut parser, Command::Version),
        Some(Value(word)) if word == "help" => help(&mut parser),
        Some(Value(word)) => command(&word.string()?, &mut parser),
        Some(Long(name)) => Err(Wrong::option(&format!("--{name}"), &["--help", "--version"])),
        Some(Short(name)) => Err(Wrong::option(&format!("-{name}"), &["-h", "-V"])),
        None => Err(Wrong::new(format!("a command is missing; the commands are {}", names().join(", ")))),
    }
}

fn command(name: &str, parser: &mut Parser) -> Result<Command, Wrong> {
    let (topic, read) = find(name)?;
    match given::read(topic, parser).map_err(|wrong| wrong.about(topic))? {
        Some(given) => read(&given).map_err(|wrong| wrong.about(topic)),
        None => Ok(Command::Help(topic.help())),
    }
}

fn utf8(word: OsString) -> Result<String, Wrong> {
    word.into_string().map_err(|word| Wrong::new(format!("{word:?} is not UTF-8 text")))
}

/// What follows `help` or `--help`: a command, or nothing.
fn help(parser: &mut Parser) -> Result<Command, Wrong> {
    let text = match parser.next()? {
        None | Some(Long("help") | Short('h')) => topic::help(topics()),
        Some(Value(word)) => find(&word.string()?)?.0.help(),
        Some(other) => return Err(other.unexpected().into()),
    };
    last(parser, Command::Help(text))
}

/// Returns the command if no word is left.
fn last(parser: &mut Parser, command: Command) -> Result<Command, Wrong> {
    match parser.next()? {
        Some(other) => Err(other.unexpected().into()),
        None => Ok(command),
    }
}

fn find(name: &str) -> Result<&'static (&'static Topic, Read), Wrong> {
    let found = COMMANDS.iter().find(|(topic, _)| topic.name == name);
    found.ok_or_else(|| Wrong::name(name, &names()))
}

fn names() -> Vec<&'static str> {
    topics().map(|topic| topic.name).collect()
}

#[cfg(test)]
mod tests;

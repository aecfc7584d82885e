//! The command line of `pattern`: its commands and options, from which help, completion and errors
//! are made. A test compares the manual page pattern(1) with them.

use std::ffi::OsString;

use clap::{CommandFactory as _, Parser, Subcommand};

use crate::add_on::AddOn;
use crate::build::Build;
use crate::burn::Burn;
use crate::check::Check;
use crate::decrypt::Decrypt;
use crate::host::screen;
use crate::init::Init;
use crate::keyring::GenKeyring;
use crate::release::SignRelease;
use crate::run::Run;
use crate::serve::Serve;
use crate::show::Show;
use crate::sign::SignImage;
use completion::Completion;

pub mod completion;
mod device;
mod meant;

/// Help is no wider than this.
const WIDTH: usize = 80;

/// After the options of a command.
const LAST: usize = 100;

/// One run of the program.
#[derive(Parser, Clone, PartialEq, Eq, Debug)]
#[command(name = "pattern", version, max_term_width = WIDTH)]
#[command(about = "Check, build, try and publish images")]
#[command(after_help = "Exit status: 0 success, 1 failure, 2 wrong usage. Manual page: pattern(1).")]
pub struct Arguments {
    /// Show no progress and no notes: only results, warnings and errors
    #[arg(short, long, global = true, display_order = LAST)]
    pub quiet: bool,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands.
#[derive(Subcommand, Clone, PartialEq, Eq, Debug)]
pub enum Command {
    /// Make the folder of a new image, with its keys
    Init(Init),
    /// Work with pattern.toml, the configuration of an image
    #[command(subcommand)]
    Config(Config),
    /// Make an image from pattern.toml and the mkosi configuration beside it
    Build(Build),
    /// Say what an image is made of, who signed it and who can log in
    Show(Show),
    /// Boot a copy of an image under QEMU with a software TPM, console attached
    Run(Run),
    /// Write an image to a disk, and read it back; without a disk, list the disks
    Burn(Burn),
    /// Make the keys of those who publish a system
    GenKeyring(GenKeyring),
    /// Sign an image that was made without keys, as by Nix
    SignImage(SignImage),
    /// Add an image to a folder that systems update from, and sign that
    SignRelease(SignRelease),
    /// Give a release to machines by HTTP, for tests and labs
    Serve(Serve),
    /// Make and sign words for the kernel command line of one machine
    #[command(name = "addon")]
    AddOn(AddOn),
    /// Work with the recovery keys of machines
    #[command(subcommand)]
    Recovery(Recovery),
    /// Print the script by which a shell completes the commands and options of this program
    Completion(Completion),
}

/// The commands of `config`.
#[derive(Subcommand, Clone, PartialEq, Eq, Debug)]
pub enum Config {
    /// Report every problem in each pattern.toml
    Check(Check),
}

/// The commands of `recovery`.
#[derive(Subcommand, Clone, PartialEq, Eq, Debug)]
pub enum Recovery {
    /// Print the recovery key that a machine left in a file, encrypted
    Decrypt(Decrypt),
}

/// A command line that has no command to run.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Answer {
    /// It asked for this text.
    Asked(String),
    /// It is wrong usage, and this text says why.
    Wrong(String),
}

/// Parses the words of a command line, of which the first one is the program's name.
///
/// # Errors
/// When there is no command to run: see [`Answer`].
pub fn parse(words: &[OsString]) -> Result<Arguments, Answer> {
    Arguments::try_parse_from(words).map_err(|error| {
        let error = meant::behind_help(error.kind(), words).unwrap_or(error);
        let text = repeated(error.render().to_string(), words);
        if !error.use_stderr() {
            return Answer::Asked(text);
        }
        if let Some(command) = device::command(error.kind(), words) {
            return Answer::Wrong(format!(
                "pattern: `pattern {command}` is a command of the machine that an image runs on, not of the host tool\n"
            ));
        }
        if let Some(command) = meant::instead(error.kind(), words) {
            let said = text.lines().next().unwrap_or_default();
            let said = said.strip_prefix("error: ").unwrap_or(said);
            return Answer::Wrong(format!("pattern: {said}; type: {command}\n"));
        }
        // The help of a group of commands is not an error.
        let said = text.strip_prefix("error: ").map(|said| format!("pattern: {said}"));
        Answer::Wrong(said.unwrap_or(text))
    })
}

/// Escapes line ends in the words that a text repeats: it has lines of its own. What is behind `=` is repeated alone.
fn repeated(text: String, words: &[OsString]) -> String {
    let words = words.iter().map(|word| word.to_string_lossy());
    let split = words.filter(|word| word.contains(['\n', '\t']));
    split.fold(text, |text, word| {
        let value = word.split_once('=').map_or("", |(_, value)| value);
        let text = text.replace(word.as_ref(), &screen::one_line(&word));
        if value.is_empty() { text } else { text.replace(value, &screen::one_line(value)) }
    })
}

/// Returns all commands and options, for what is made from them.
#[must_use]
pub fn command() -> clap::Command {
    Arguments::command()
}

#[cfg(test)]
mod tests;

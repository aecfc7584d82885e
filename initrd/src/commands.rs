//! Reads the command line of `pattern` on the machine that an image runs on, and runs the command.

mod announce;
mod check_update;
mod news;
mod rebind;
mod recovery;
mod recovery_key;
mod reset;
mod slot;
mod status;
mod update;
mod wipe_slot;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, Result};
use pattern::firmware::Variable;
use pattern::plain::plain;
use pattern_machine::output;
use pattern_machine::people::root::require_root;

use crate::context::Context;
use crate::volume::{place, reminder};
use reset::{Order, Word};
use update::{Done, Later};

/// `EX_TEMPFAIL` (sysexits.h(3head)): what can't be done now, and may be done later.
const LATER: u8 = 75;

const HELP: &str = "\
Usage: pattern COMMAND

  status             say what runs, what the next boot starts, what the volume is like, and what to do about it
      --json         as a JSON object
      --verify       and read all of the version in the other slot
  update             install the newest version beside the one that runs; it is started at the next boot
      --force        even while this version is on trial
  update VERSION     have the next boot start this version: one that is installed, or is fetched; newer ones are put aside
  rollback           have the next boot start the version before this one
  check-update       say which version the next boot starts, and whether it will open the persist volume by itself
      --json         as a JSON object
  rebind             bind the persist volume to the TPM as it is now, with the recovery key
      --ahead        before a restart that changes Secure Boot's keys: have the volume open after it too, with no key;
                     also by files that will be appended: --ahead dbx=FILE, db=FILE, KEK=FILE
  recovery           say whether there is a recovery key, and whether it was confirmed as kept
      --json         as a JSON object
  recovery confirm   enter the recovery key, to confirm that it was kept
  recovery new       make a new recovery key in place of the one there is
  recovery wipe-slot KEYSLOT
                     remove a keyslot that is neither the TPM's nor a recovery key's
  reset              have the next boot erase all that is kept: a factory reset
      --yes          without asking first
      --ask          have the next boot ask on its console, and erase only after that answer
      --now          and restart
      --cancel       keep it after all
      --status       say whether the next boot does so; --json: as a JSON object

  --help, --version

Exit status: 0 success, or yes; 1 failure, or no; 2 wrong usage; 3 can't be said from here;
75 not now, later.
";

/// Runs a command line, without the program's name.
///
/// # Errors
/// When the command fails. Wrong usage is an exit status, not an error.
pub(crate) fn run(args: impl Iterator<Item = OsString>) -> Result<ExitCode> {
    let args: Vec<String> = args.map(|word| word.to_string_lossy().into_owned()).collect();
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    match *words {
        ["--help" | "-h"] => output::text(HELP)?,
        ["--version"] => output::line(concat!("pattern ", env!("CARGO_PKG_VERSION")))?,
        ["status", ref options @ ..] => return status(options),
        ["update", ref options @ ..] => return update(options),
        ["rollback"] => return rollback(),
        ["check-update"] => return check_update(false),
        ["check-update", "--json"] => return check_update(true),
        ["rebind"] => return rebind(),
        ["rebind", "--ahead", ref files @ ..] => return announce(files),
        ["recovery"] | ["recovery", "status"] => return recovery_status(false),
        ["recovery", "--json"] | ["recovery", "status", "--json"] => return recovery_status(true),
        ["recovery", "confirm"] => return recover(|_, device| recovery_key::confirm(device)),
        ["recovery", "wipe-slot", keyslot] => {
            let Ok(keyslot) = keyslot.parse() else { return Ok(usage(&args.join(" "))) };
            return recover(|_, device| wipe_slot::wipe_slot(device, keyslot));
        }
        ["recovery", "new"] => {
            return recover(|context, device| recovery_key::renew(&context.config, device));
        }
        ["reset", ref options @ ..] => return reset(options),
        _ => return Ok(usage(&args.join(" "))),
    }
    Ok(ExitCode::SUCCESS)
}

fn usage(given: &str) -> ExitCode {
    let what =
        if given.is_empty() { "a command is missing".to_owned() } else { format!("can't read {given:?}") };
    output::message(&format!("pattern: {what}\nTry: pattern --help"));
    ExitCode::from(2)
}

fn status(options: &[&str]) -> Result<ExitCode> {
    if options.iter().any(|option| !["--json", "--verify"].contains(option)) {
        return Ok(usage(&format!("status {}", options.join(" "))));
    }
    require_root()?;
    status::status(&Context::here()?, options.contains(&"--json"), options.contains(&"--verify"))
}

fn update(options: &[&str]) -> Result<ExitCode> {
    let (flags, versions): (Vec<&str>, Vec<&str>) = options.iter().partition(|word| word.starts_with('-'));
    if flags.iter().any(|flag| *flag != "--force") || versions.len() > 1 {
        return Ok(usage(&format!("update {}", options.join(" "))));
    }
    require_root()?;
    let (context, force) = (Context::here()?, !flags.is_empty());
    let done = match versions.first() {
        Some(version) => update::this(&context, version, force),
        None => update::newest_offered(&context, force),
    }?;
    after_update(&context, &done)
}

fn rollback() -> Result<ExitCode> {
    require_root()?;
    let context = Context::here()?;
    let done = update::rollback(&context)?;
    after_update(&context, &done)
}

/// Says what the next boot starts.
fn after_update(context: &Context, done: &Done) -> Result<ExitCode> {
    match done {
        Done::Ready => {}
        // Another version may be installed already, and wait for a restart.
        Done::Nothing => output::line("No newer version is offered.")?,
        Done::Later(later) => {
            let why = match later {
                Later::Unproved(closed) => format!("{closed}; to install all the same, use --force"),
                Later::Busy => "another update is at work; try again when it has ended".to_owned(),
            };
            output::message(&format!("pattern: {why}"));
            return Ok(ExitCode::from(LATER));
        }
    }
    // The update itself succeeded. What to do about a bad prospect is for a person or a timer to
    // decide.
    match check_update::look(context, false) {
        Ok(outlook) => _ = check_update::tell(&outlook, false)?,
        Err(error) => {
            let error = plain(&format!("{error:#}"));
            output::message(&format!("pattern: saying what the next boot starts: {error}"));
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn check_update(as_json: bool) -> Result<ExitCode> {
    check_update::tell(&check_update::look(&Context::here()?, false)?, as_json)
}

fn rebind() -> Result<ExitCode> {
    require_root()?;
    let context = Context::here()?;
    output::line(&rebind::rebind(&context, &place::volume(&context)?)?)?;
    Ok(ExitCode::SUCCESS)
}

fn announce(words: &[&str]) -> Result<ExitCode> {
    let file = |word: &&str| {
        let (name, path) = word.split_once('=')?;
        let variables = [Variable::Kek, Variable::Db, Variable::Dbx];
        Some((variables.into_iter().find(|variable| variable.name() == name)?, PathBuf::from(path)))
    };
    let Some(files) = words.iter().map(file).collect::<Option<Vec<_>>>() else {
        return Ok(usage(&format!("rebind --ahead {}", words.join(" "))));
    };
    require_root()?;
    let context = Context::here()?;
    output::line(&announce::announce(&context, &place::volume(&context)?, &files)?)?;
    Ok(ExitCode::SUCCESS)
}

fn recovery_status(as_json: bool) -> Result<ExitCode> {
    require_root()?;
    let confirmed = recovery::status(&Context::here()?, as_json)?;
    Ok(if confirmed { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Changes recovery keys, and then updates the reminder at login and the escrow's copy.
fn recover(change: impl Fn(&Context, &Path) -> Result<String>) -> Result<ExitCode> {
    require_root()?;
    let context = Context::here()?;
    let device = place::volume(&context)?;
    let said = output::line(&change(&context, &device)?);
    let refreshed = reminder::refresh(&context.config, &device);
    refreshed.context("the key is changed, but the message at login or the escrow's copy is not")?;
    said.map(|()| ExitCode::SUCCESS)
}

fn reset(options: &[&str]) -> Result<ExitCode> {
    let order = match *options {
        ["--cancel"] => Order::Cancel,
        ["--status"] => Order::Status { as_json: false },
        ["--status", "--json"] => Order::Status { as_json: true },
        _ => match word(options) {
            Some(word) => Order::Ask { word, now: options.contains(&"--now") },
            None => return Ok(usage(&format!("reset {}", options.join(" ")))),
        },
    };
    require_root()?;
    let requested = reset::command(&Context::here()?, order)?;
    let no = matches!(order, Order::Status { .. }) && !requested;
    Ok(if no { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// Returns who confirms a reset, by the options, or `None` if the options contradict each other.
fn word(options: &[&str]) -> Option<Word> {
    let known = options.iter().all(|option| ["--yes", "--ask", "--now"].contains(option));
    match (options.contains(&"--yes"), options.contains(&"--ask")) {
        _ if !known => None,
        (true, true) => None,
        (true, false) => Some(Word::Given),
        (false, true) => Some(Word::AtConsole),
        (false, false) => Some(Word::Here),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reset_has_one_word_or_none() {
        assert_eq!(word(&[]), Some(Word::Here));
        assert_eq!(word(&["--now", "--yes"]), Some(Word::Given));
        assert_eq!(word(&["--ask", "--now"]), Some(Word::AtConsole));
        assert_eq!((word(&["--ask", "--yes"]), word(&["--force"])), (None, None));
    }
}

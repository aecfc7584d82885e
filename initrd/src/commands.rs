//! Runs the commands of `pattern` on the machine that an image runs on.

mod announce;
mod check_update;
mod etc;
mod forecast;
mod news;
mod rebind;
mod recovery;
mod recovery_key;
mod reset;
mod slot;
mod status;
mod unfinished;
mod update;
mod wipe_slot;

use std::ffi::OsString;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context as _, Result};
use pattern::command::{self, Command, Elsewhere, Recovery, Reset};
use pattern::plain::plain;
use pattern::plan::CONFIG_PATH;
use pattern::update::forecast::Verdict;
use pattern::update::outlook::Outlook;
use pattern_machine::output;
use pattern_machine::people::root::require_root;

use crate::context::Context;
use crate::volume::{place, reminder};
use announce::Said;
use update::{Done, How, Later};

/// What is said if the server has nothing newer.
const NOTHING: &str = "No newer version is offered.";
/// Wrong usage.
const WRONG: u8 = 2;
/// What can't be said from here.
const UNKNOWN: u8 = 3;
/// `EX_TEMPFAIL` (sysexits.h(3head)): what can't be done now, and may be done later.
const LATER: u8 = 75;

/// Runs a command line, without the program's name.
///
/// # Errors
/// When the command fails. Wrong usage is an exit status, not an error.
pub(crate) fn run(args: impl Iterator<Item = OsString>) -> Result<ExitCode> {
    match command::parse(args) {
        Ok(command) => match command.elsewhere().filter(|_| !Path::new(CONFIG_PATH).exists()) {
            Some(said) => refuse(&said),
            None => perform(command),
        },
        Err(wrong) => {
            output::message(&format!("pattern: {wrong}"));
            Ok(ExitCode::from(WRONG))
        }
    }
}

/// Answers on a system that is not a pattern system.
fn refuse(said: &Elsewhere) -> Result<ExitCode> {
    output::message(&format!("pattern: {}", said.message));
    said.json.iter().try_for_each(|json| output::line(json))?;
    Ok(ExitCode::from(UNKNOWN))
}

fn perform(command: Command) -> Result<ExitCode> {
    match command {
        Command::Help(text) => output::text(&text)?,
        Command::Version => output::line(concat!("pattern ", env!("CARGO_PKG_VERSION")))?,
        Command::Status { as_json, verify } => return status::status(&as_root()?, as_json, verify),
        Command::Update { version, force, dry_run, limit } => {
            return update(version.as_deref(), How { force, dry_run, limit });
        }
        Command::Rollback => return rollback(),
        Command::CheckUpdate { as_json } => {
            return check_update::tell(&check_update::look(&Context::here()?)?, as_json);
        }
        Command::Etc(wanted) => return etc::run(&as_root()?, &wanted),
        Command::Rebind => change(rebind::rebind)?,
        Command::Announce { files, additions } => {
            let said = Said { files: &files, additions };
            change(|ctx, device| Ok(announce::announce(ctx, device, &said)?.to_string()))?;
        }
        Command::Recovery(Recovery::Status { as_json }) => {
            return Ok(yes(recovery::status(&as_root()?, as_json)?));
        }
        Command::Recovery(Recovery::Confirm) => recover(|_, device| recovery_key::confirm(device))?,
        Command::Recovery(Recovery::New) => recover(|ctx, device| recovery_key::renew(&ctx.config, device))?,
        Command::Recovery(Recovery::WipeSlot(slot)) => {
            recover(|_, device| wipe_slot::wipe_slot(device, slot))?
        }
        Command::Reset(wanted) => {
            let requested = reset::command(&as_root()?, wanted)?;
            return Ok(yes(requested || !matches!(wanted, Reset::Status { .. })));
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn as_root() -> Result<Context> {
    require_root()?;
    Context::here()
}

fn yes(answer: bool) -> ExitCode {
    if answer { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn update(version: Option<&str>, how: How) -> Result<ExitCode> {
    let context = as_root()?;
    let done = match version {
        Some(version) => update::this(&context, version, how),
        None => update::newest_offered(&context, how),
    }?;
    // What follows an update may change the volume.
    if how.dry_run && matches!(done, Done::Nothing) {
        output::line(NOTHING)?;
        return Ok(ExitCode::SUCCESS);
    }
    after_update(&context, &done)
}

fn rollback() -> Result<ExitCode> {
    let context = as_root()?;
    let done = update::rollback(&context)?;
    after_update(&context, &done)
}

/// Says what the next boot starts.
fn after_update(context: &Context, done: &Done) -> Result<ExitCode> {
    match done {
        Done::Ready => {}
        Done::Shown => return Ok(ExitCode::SUCCESS),
        // Another version may be installed already, and wait for a restart.
        Done::Nothing => output::line(NOTHING)?,
        Done::Later(later) => {
            let why = match later {
                Later::Unproved(closed) => format!("{closed}; to install all the same, use --force"),
                Later::TooMuch(much) => much.to_string(),
                Later::Busy => "another update is at work; try again when it has ended".to_owned(),
            };
            output::message(&format!("pattern: {why}"));
            return Ok(ExitCode::from(LATER));
        }
    }
    // The update itself succeeded. What to do about a bad prospect is for a person or a timer to
    // decide.
    match foreseen(context) {
        Ok(outlook) => _ = check_update::tell(&outlook, false)?,
        Err(error) => {
            let error = plain(&format!("{error:#}"));
            output::message(&format!("pattern: saying what the next boot starts: {error}"));
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Says what is to be expected of the next boot. If it would ask for the recovery key, and the volume has a slot for changes of what
/// it is bound to, announces the change: it comes with a version that its owner signed and asked for.
fn foreseen(context: &Context) -> Result<Outlook> {
    let outlook = check_update::look(context)?;
    if !matches!(outlook.verdict, Some(Verdict::Asks(_))) {
        return Ok(outlook);
    }
    let device = place::volume(context)?;
    if place::header(&device)?.ahead().is_empty() {
        return Ok(outlook);
    }
    match announce::announce(context, &device, &Said { files: &[], additions: false }) {
        Ok(announced @ announce::Outcome::Now(..)) => output::line(&announced.to_string())?,
        Ok(_) => return Ok(outlook),
        Err(error) => {
            let error = plain(&format!("{error:#}"));
            output::message(&format!("pattern: having the volume open after the update: {error}"));
            return Ok(outlook);
        }
    }
    check_update::look(context)
}

/// Changes the volume, and says what was done.
fn change(act: impl Fn(&Context, &Path) -> Result<String>) -> Result<()> {
    let context = as_root()?;
    output::line(&act(&context, &place::volume(&context)?)?)
}

/// Changes recovery keys, and then updates the reminder at login and the escrow's copy.
fn recover(act: impl Fn(&Context, &Path) -> Result<String>) -> Result<()> {
    let context = as_root()?;
    let device = place::volume(&context)?;
    let said = output::line(&act(&context, &device)?);
    let refreshed = reminder::refresh(&context.config, &device);
    refreshed.context("the key is changed, but the message at login or the escrow's copy is not")?;
    said
}

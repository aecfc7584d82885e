//! What the options and words of each command mean.

use std::path::PathBuf;

use super::given::{Given, too_many};
use super::wrong::Wrong;
use super::{Command, Etc, Recovery, Reset, Word};
use crate::config::limit::{Limit, Window};
use crate::config::size::Size;
use crate::etc::Path;
use crate::firmware::Variable;

/// Variables that files can be appended to.
const APPENDED: [Variable; 3] = [Variable::Kek, Variable::Db, Variable::Dbx];
const ETC: [&str; 6] = ["diff", "conflicts", "take", "keep", "undo", "history"];
const RECOVERY: [&str; 4] = ["status", "confirm", "new", "wipe-slot"];

pub(super) fn status(given: &Given) -> Result<Command, Wrong> {
    given.no_word()?;
    Ok(Command::Status { as_json: given.has("--json"), verify: given.has("--verify") })
}

pub(super) fn update(given: &Given) -> Result<Command, Wrong> {
    let (force, dry_run) = (given.has("--force"), given.has("--dry-run"));
    Ok(Command::Update { version: given.word()?.map(str::to_owned), force, dry_run, limit: limit(given)? })
}

fn limit(given: &Given) -> Result<Option<Limit>, Wrong> {
    let said = |option, said: String| Wrong::new(format!("{option} {said}"));
    let size = given.value("--limit").map(Size::parse).transpose();
    let window = given.value("--window").map(Window::parse).transpose();
    let size = size.map_err(|error| said("--limit", error.to_string()))?;
    let window = window.map_err(|error| said("--window", error))?;
    if window.is_some() && size.is_none() {
        return Err(Wrong::new("--window goes only with --limit"));
    }
    Ok(size.map(|size| Limit { size, window }))
}

pub(super) fn rollback(given: &Given) -> Result<Command, Wrong> {
    given.no_word().map(|()| Command::Rollback)
}

pub(super) fn check_update(given: &Given) -> Result<Command, Wrong> {
    given.no_word()?;
    Ok(Command::CheckUpdate { as_json: given.has("--json") })
}

pub(super) fn etc(given: &Given) -> Result<Command, Wrong> {
    let as_json = given.has("--json");
    let etc = match *given.words() {
        ["diff"] | ["diff", "/etc" | "/etc/"] => Etc::Diff { as_json, within: None },
        ["diff", word] => Etc::Diff { as_json, within: Some(below_etc(word)?) },
        ["conflicts"] => Etc::Conflicts { as_json },
        ["take", word] => Etc::Take(below_etc(word)?),
        ["keep", word] => Etc::Keep(below_etc(word)?),
        ["undo"] => Etc::Undo,
        ["history"] => Etc::History { as_json },
        [command @ ("take" | "keep")] => {
            return Err(Wrong::new(format!("{command} needs a PATH, such as ssh/sshd_config")));
        }
        ["diff" | "take" | "keep", _, word, ..] | ["conflicts" | "undo" | "history", word, ..] => {
            return Err(too_many(word));
        }
        [] => return Err(Wrong::new(format!("etc needs a command: {}", ETC.join(", ")))),
        [other, ..] => return Err(Wrong::name(other, &ETC)),
    };
    if as_json && !etc.as_json() {
        return Err(Wrong::new("--json goes only with diff, conflicts and history"));
    }
    Ok(Command::Etc(etc))
}

/// Reads a path below `/etc`, from the root or from there.
fn below_etc(word: &str) -> Result<Path, Wrong> {
    let path = word.strip_prefix("/etc/").unwrap_or(word);
    Path::new(path.strip_suffix('/').unwrap_or(path))
        .map_err(|_| Wrong::new(format!("{word:?} is not a path below /etc, such as ssh/sshd_config")))
}

pub(super) fn rebind(given: &Given) -> Result<Command, Wrong> {
    if given.has("--ahead") {
        let files = given.words().into_iter().map(appended).collect::<Result<_, _>>()?;
        return Ok(Command::Announce { files, additions: given.has("--additions") });
    }
    if given.has("--additions") {
        return Err(Wrong::new("--additions goes only with --ahead"));
    }
    match given.words().first() {
        Some(word) => Err(Wrong::new(format!("{word:?} goes only with --ahead"))),
        None => Ok(Command::Rebind),
    }
}

/// Reads `dbx=FILE`.
fn appended(word: &str) -> Result<(Variable, PathBuf), Wrong> {
    let wrong = || Wrong::new(format!("{word:?} is not dbx=FILE, db=FILE or KEK=FILE"));
    let (name, path) = word.split_once('=').filter(|(_, path)| !path.is_empty()).ok_or_else(wrong)?;
    let variable = APPENDED.into_iter().find(|variable| variable.name() == name).ok_or_else(wrong)?;
    Ok((variable, PathBuf::from(path)))
}

pub(super) fn recovery(given: &Given) -> Result<Command, Wrong> {
    let as_json = given.has("--json");
    let recovery = match *given.words() {
        [] | ["status"] => Recovery::Status { as_json },
        ["confirm"] => Recovery::Confirm,
        ["new"] => Recovery::New,
        ["wipe-slot", keyslot] => Recovery::WipeSlot(number(keyslot)?),
        ["wipe-slot"] => return Err(Wrong::new("wipe-slot needs a KEYSLOT: a number")),
        ["wipe-slot", _, word, ..] | ["status" | "confirm" | "new", word, ..] => return Err(too_many(word)),
        [other, ..] => return Err(Wrong::name(other, &RECOVERY)),
    };
    if as_json && recovery != (Recovery::Status { as_json }) {
        return Err(Wrong::new("--json goes only with status"));
    }
    Ok(Command::Recovery(recovery))
}

fn number(keyslot: &str) -> Result<u32, Wrong> {
    keyslot.parse().map_err(|_| Wrong::new(format!("{keyslot:?} is not the number of a keyslot")))
}

pub(super) fn reset(given: &Given) -> Result<Command, Wrong> {
    given.no_word()?;
    for (one, others) in [
        ("--yes", &["--ask"][..]),
        ("--cancel", &["--yes", "--ask", "--now", "--status"]),
        ("--status", &["--yes", "--ask", "--now"]),
    ] {
        others.iter().try_for_each(|other| given.not_both(one, other))?;
    }
    let as_json = given.has("--json");
    let reset = match (given.has("--status"), given.has("--cancel")) {
        (true, _) => Reset::Status { as_json },
        (_, true) => Reset::Cancel,
        _ => Reset::Ask { word: word(given), now: given.has("--now") },
    };
    if as_json && reset != (Reset::Status { as_json }) {
        return Err(Wrong::new("--json goes only with --status"));
    }
    Ok(Command::Reset(reset))
}

fn word(given: &Given) -> Word {
    match (given.has("--yes"), given.has("--ask")) {
        (true, _) => Word::Given,
        (_, true) => Word::AtConsole,
        _ => Word::Here,
    }
}

//! `pattern reset`: says what will be lost, asks the owner to confirm, and leaves a request for the
//! next boot's initrd.

use std::io::{self, IsTerminal as _};
use std::process::Command;

use anyhow::{Context as _, Result, bail};
use pattern::command::{Reset, Word};
use pattern::table::{Found, Partition, ResetPlace, reset_place};
use pattern::volume::reset::{WORD, Wish, vouch, wish};
use pattern_machine::disk::Disk;
use pattern_machine::output;
use serde_json::json;

use crate::context::Context;
use crate::volume::lost::Lost;
use crate::volume::{lockout, luks, reset_request};

/// Does what was asked for. Returns whether there is a request now.
///
/// # Errors
/// When there is no volume, nobody confirms, or the firmware stores no variables.
pub(crate) fn command(ctx: &Context, wanted: Reset) -> Result<bool> {
    let disk = Disk::behind_usr(&ctx.usr)?;
    disk.check(&ctx.config.partitions.disk)?;
    let found = disk.table()?;
    let volume = match reset_place(&found.table)? {
        ResetPlace::Volume(part) => Some(part),
        ResetPlace::Begun(_) | ResetPlace::Nothing => None,
    };
    match wanted {
        Reset::Ask { word, now } => {
            let part =
                volume.with_context(|| format!("disk {} has no persist volume", disk.path().display()))?;
            leave(ctx, &disk, &found, &part, word)?;
            let said = output::line(
                "It happens at the next boot. To keep everything after all, run: pattern reset --cancel",
            );
            if now {
                restart()?;
            }
            said.map(|()| true)
        }
        Reset::Cancel => cancel().map(|()| false),
        Reset::Status { as_json } => {
            let left = reset_request::stored()?;
            let waits = left.zip(volume).and_then(|(left, part)| wish(&left, &part));
            tell(waits, as_json)?;
            Ok(waits.is_some())
        }
    }
}

fn leave(ctx: &Context, disk: &Disk, found: &Found, part: &Partition, word: Word) -> Result<()> {
    let device = disk.partition_path(part.number);
    let about = || format!("persist volume {}", device.display());
    vouch(&luks::look(&device).with_context(about)?).with_context(about)?;
    let wish = if word == Word::AtConsole { Wish::Ask } else { Wish::Erase };
    output::line(&format!("{} {}.", announced(wish), Lost::look(ctx, disk, found, part)))?;
    output::line(
        "It then makes a new, empty volume. The present recovery key does not open the new volume.",
    )?;
    if word == Word::Here && !confirm()? {
        bail!("not confirmed; nothing was changed");
    }
    reset_request::leave(part, wish)?;
    lockout::give_back(&ctx.tcti);
    Ok(())
}

fn announced(wish: Wish) -> &'static str {
    match wish {
        Wish::Erase => "The next boot erases",
        Wish::Ask => "The next boot asks on its console, and after the right answer erases",
    }
}

fn confirm() -> Result<bool> {
    if !io::stdin().is_terminal() {
        bail!(
            "standard input is not a terminal, so nobody can confirm the reset; to go ahead without a question, use --yes"
        );
    }
    output::text(&format!("Type {WORD} to go on: "))?;
    let mut line = String::new();
    io::stdin().read_line(&mut line).context("reading the answer")?;
    Ok(line.trim() == WORD)
}

fn cancel() -> Result<()> {
    let left = reset_request::stored()?;
    reset_request::cancel()?;
    let said = left.map_or("No factory reset is requested.", |_| "The next boot keeps everything.");
    output::line(said)
}

fn tell(waits: Option<Wish>, as_json: bool) -> Result<()> {
    if as_json {
        let state = json!({ "requested": waits.is_some(), "asks": waits == Some(Wish::Ask) });
        return output::line(&state.to_string());
    }
    output::line(&waits.map_or_else(
        || "No factory reset is requested.".to_owned(),
        |wish| format!("{} the persist volume. To keep it, run: pattern reset --cancel", announced(wish)),
    ))
}

fn restart() -> Result<()> {
    let status = Command::new("systemctl").arg("reboot").status().context("restarting")?;
    if status.success() { Ok(()) } else { bail!("restarting: systemctl ended with {status}") }
}

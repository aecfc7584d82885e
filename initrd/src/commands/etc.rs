//! `pattern etc`: what of the kept `/etc` differs from the image's own, and which of the two is to stay.

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Result, bail};
use pattern::boot::flags::Flags;
use pattern::command::{Elsewhere, Etc};
use pattern::config::Persist;
use pattern::etc::{self, Difference, Entry, Open};
use pattern_machine::{output, tree};
use serde_json::json;

use super::{news, refuse};
use crate::context::Context;
use crate::volume::etc::Choices;

const MINE: &str = "/etc";
/// What `/etc` began with on a new machine, in the version that runs.
const IMAGES: &str = "/usr/share/factory/etc";
/// What to do about conflicts.
const HINT: &str = "To compare: diff /etc/PATH /usr/share/factory/etc/PATH. To have the image's: pattern etc take PATH. To have \
                    the machine's stay: pattern etc keep PATH.";

/// Does what was asked for. Returns 1 if something differs that is not another on each machine anyway, or if a conflict is
/// open.
///
/// # Errors
/// When one of the directories can't be read, neither has the path, or it can't be done.
pub(super) fn run(ctx: &Context, wanted: &Etc) -> Result<ExitCode> {
    if let Some(message) = unknown(&ctx.config.partitions.persist, &ctx.flags, Path::new(IMAGES)) {
        let json = wanted.as_json().then(|| json!({ "error": message }).to_string());
        return refuse(&Elsewhere { message, json });
    }
    match wanted {
        Etc::Diff { as_json, within } => {
            let found = compare(Path::new(IMAGES), Path::new(MINE), within.as_ref().map(typed).as_ref())?;
            tell(&found, *as_json)?;
            return Ok(ExitCode::from(u8::from(found.iter().any(|one| !one.is_machines))));
        }
        Etc::Conflicts { as_json } => return conflicts(&Choices::here(ctx)?.conflicts()?, *as_json),
        Etc::Take(path) => choose(ctx, |choices| {
            let path = &typed(path);
            choices.take(path)?;
            Ok(format!("/etc/{path} is the image's now; to undo that: pattern etc undo"))
        })?,
        Etc::Keep(path) => choose(ctx, |choices| {
            let path = &typed(path);
            choices.keep(path)?;
            Ok(format!("the machine's /etc/{path} stays; to undo that: pattern etc undo"))
        })?,
        Etc::Undo => {
            choose(ctx, |choices| Ok(format!("/etc/{} is as before the last choice", choices.undo()?)))?
        }
        Etc::History { as_json } => history(&Choices::here(ctx)?.history()?, *as_json)?,
    }
    Ok(ExitCode::SUCCESS)
}

/// Returns what a person meant, who may have copied a path from what is shown.
fn typed(path: &etc::Path) -> etc::Path {
    let roots = [IMAGES, MINE].map(Path::new);
    path.or_shown(|path| roots.iter().any(|root| matches!(tree::at(root, path), Ok(Some(_)))))
}

/// Does what a person chose, says so, and no longer asks for it at login.
fn choose(ctx: &Context, act: impl Fn(&Choices) -> Result<String>) -> Result<()> {
    let choices = Choices::here(ctx)?;
    let done = act(&choices)?;
    choices.remind().unwrap_or_else(|error| output::message(&format!("pattern: {error:#}")));
    output::line(&done)
}

/// Returns what a person should know of the kept `/etc`, if there is something.
pub(super) fn waiting(ctx: &Context) -> Option<String> {
    if unknown(&ctx.config.partitions.persist, &ctx.flags, Path::new(IMAGES)).is_some() {
        return None;
    }
    let open = Choices::here(ctx).and_then(|choices| choices.conflicts());
    open.map_or_else(|error| Some(format!("{error:#}")), |open| etc::reminder(&open))
}

fn conflicts(open: &[Open], as_json: bool) -> Result<ExitCode> {
    if as_json {
        let all: Vec<_> = open.iter().map(Open::json).collect();
        output::line(&json!({ "conflicts": all }).to_string())?;
    } else if open.is_empty() {
        output::line("No conflict is open.")?;
    } else {
        open.iter().try_for_each(|one| output::line(&one.to_string()))?;
        output::line(HINT)?;
    }
    Ok(ExitCode::from(u8::from(!open.is_empty())))
}

fn history(entries: &[Entry], as_json: bool) -> Result<()> {
    if as_json {
        let all: Vec<_> = entries.iter().map(Entry::json).collect();
        return output::line(&json!({ "history": all }).to_string());
    }
    let now = news::now();
    entries.iter().try_for_each(|entry| output::line(&entry.line(now)))
}

/// Returns why there is nothing to compare on this machine, or nothing.
fn unknown(kept: &Persist, flags: &Flags, images: &Path) -> Option<String> {
    let message = if !kept.etc {
        "/etc is not kept on this machine: at each start it is as the image has it, and changes are lost; \
         `partitions.persist.etc` in the image's pattern.toml keeps it"
    } else if flags.volatile || flags.plan_only {
        "nothing is kept in this boot, by a flag on the kernel command line: /etc is as the image has it, and changes \
         are lost; restart without the flag for the kept one"
    } else if !images.is_dir() {
        "this image has no /usr/share/factory/etc, so its own /etc is not known: something else writes /etc, such as \
         the activation of NixOS"
    } else {
        return None;
    };
    Some(message.to_owned())
}

fn compare(images: &Path, mine: &Path, within: Option<&etc::Path>) -> Result<Vec<Difference>> {
    let (image, machine) = (tree::read(images)?, tree::read(mine)?);
    if let Some(path) = within
        && image.get(path).is_none()
        && machine.get(path).is_none()
    {
        bail!("neither this machine nor the image has /etc/{path}");
    }
    Ok(etc::diff(&image, &machine, within))
}

fn tell(found: &[Difference], as_json: bool) -> Result<()> {
    if as_json {
        let all: Vec<_> = found.iter().map(Difference::json).collect();
        return output::line(&json!({ "differences": all }).to_string());
    }
    if found.is_empty() {
        return output::line("Nothing differs from the image.");
    }
    found.iter().try_for_each(|one| output::line(&one.to_string()))
}

#[cfg(test)]
mod tests {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::{PermissionsExt as _, symlink};
    use std::path::PathBuf;

    use super::*;

    /// The image's and the machine's, which are alike.
    fn folders(name: &str) -> (PathBuf, PathBuf, PathBuf) {
        let folder = std::env::temp_dir().join(format!("pattern-etc-{name}-{}", std::process::id()));
        let (image, mine) = (folder.join("image"), folder.join("mine"));
        for etc in [&image, &mine] {
            fs::create_dir_all(etc.join("ssh")).unwrap();
            fs::write(etc.join("passwd"), "root:x:0:0::/root:/bin/sh\n").unwrap();
            fs::write(etc.join("ssh/sshd_config"), "UsePAM yes\n").unwrap();
            fs::write(etc.join("motd"), "").unwrap();
            symlink("../usr/lib/os-release", etc.join("os-release")).unwrap();
        }
        (folder, image, mine)
    }

    fn said(image: &Path, mine: &Path, within: Option<&str>) -> Result<Vec<String>> {
        let within = within.map(|path| etc::Path::new(path).unwrap());
        Ok(compare(image, mine, within.as_ref())?.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn what_the_machine_has_of_its_own_is_found() {
        let (folder, image, mine) = folders("own");
        assert!(said(&image, &mine, None).unwrap().is_empty());
        fs::write(mine.join("passwd"), "root:x:0:0::/root:/bin/sh\nme:x:1000:1000::/:/bin/sh\n").unwrap();
        fs::write(mine.join("ssh/ssh_host_ed25519_key"), "secret").unwrap();
        fs::set_permissions(mine.join("ssh/sshd_config"), Permissions::from_mode(0o600)).unwrap();
        fs::remove_file(mine.join("motd")).unwrap();
        fs::remove_file(mine.join("os-release")).unwrap();
        // A link to what is outside, and has the same content.
        symlink(image.join("ssh"), mine.join("os-release")).unwrap();
        let all = [
            "removed     /etc/motd",
            "changed     /etc/os-release",
            "changed     /etc/passwd: entries: me added",
            "added       /etc/ssh/ssh_host_ed25519_key: the machine's own",
            "attributes  /etc/ssh/sshd_config: mode",
        ];
        assert_eq!(said(&image, &mine, None).unwrap(), all);
        assert_eq!(said(&image, &mine, Some("ssh")).unwrap(), all[3..]);
        assert!(said(&image, &mine, Some("os-release/sshd_config")).is_err());
        let error = said(&image, &mine, Some("sssh")).unwrap_err().to_string();
        assert_eq!(error, "neither this machine nor the image has /etc/sssh");
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn where_there_is_nothing_to_compare_it_says_why() {
        let (folder, image, _) = folders("nothing");
        let kept = Persist { etc: true, home: false, srv: false, var: false, rollback: Vec::new() };
        let volatile = Flags { volatile: true, ..Flags::default() };
        let why =
            |kept: &Persist, flags: &Flags, images: &Path| unknown(kept, flags, images).unwrap_or_default();
        assert_eq!(why(&kept, &Flags::default(), &image), "");
        let cases = [
            (
                why(&Persist { etc: false, ..kept.clone() }, &Flags::default(), &image),
                "/etc is not kept on this machine: ",
            ),
            (why(&kept, &volatile, &image), "nothing is kept in this boot, "),
            (
                why(&kept, &Flags::default(), &folder.join("gone")),
                "this image has no /usr/share/factory/etc, ",
            ),
        ];
        for (said, begin) in cases {
            assert!(said.starts_with(begin), "{said}");
        }
        fs::remove_dir_all(folder).unwrap();
    }
}

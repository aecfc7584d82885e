//! Mounts a volume whose file system may be damaged, after years or a broken disk. See
//! [`pattern::volume::repair`].

use std::io;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Error, Result, bail};
use nix::errno::Errno;
use pattern::config::Filesystem;
use pattern::volume;
use pattern::volume::repair::{Tool, WORD, has_errors, is_damage, look, lost, question, safe};
use pattern_machine::people::ask;

use crate::volume::place::DEVICE;
use crate::volume::{luks, mounts};

/// Mounts the open volume. Repairs before that what loses no file, and what a person confirms. `named` is the file system of
/// `pattern.toml`: that of the volume, if the volume shows none.
///
/// # Errors
/// When it can't be mounted, and nobody confirms a repair, or that fails.
pub(crate) fn mount(named: Filesystem, on_trial: bool) -> Result<&'static Path> {
    let device = Path::new(DEVICE);
    let head = luks::head(device)?;
    let found = volume::filesystem(&head);
    let kind = found.map_or_else(|| lost(&head, named), Ok);
    let kind = kind.map_err(Error::msg).with_context(|| format!("mounting {DEVICE}"))?;
    if has_errors(&head) {
        log::warn!("{DEVICE}: the kernel met errors in its file system; checking it");
        try_safe(kind, device);
    }
    let refused = match mounts::mount() {
        Err(error) if found.is_none() || is_damaged(kind, &head, device, &error) => error,
        mounted => return mounted,
    };
    log::error!("{refused:#}");
    // What a volume shows none of is not repaired by itself: `pattern.toml` may have changed since the volume was made.
    if found.is_some()
        && try_safe(kind, device)
        && let Ok(mounted) = mounts::mount()
    {
        return Ok(mounted);
    }
    ask_to_repair(kind, found.is_none(), on_trial, device).context(refused)?;
    mounts::mount()
}

/// Asks a person, and repairs what can be repaired.
fn ask_to_repair(kind: Filesystem, is_lost: bool, on_trial: bool, device: &Path) -> Result<()> {
    let (tool, question) = question(kind, is_lost, on_trial).map_err(Error::msg)?;
    if ask::word(&question, ask::PATIENCE).is_none_or(|answer| answer.trim() != WORD) {
        bail!(
            "its {} file system is damaged, and nobody typed {WORD:?} on the console; nothing was changed; restart to be \
             asked again",
            kind.name()
        );
    }
    run(tool, device)
}

/// Decides by the error of a mount, and if that can be the disk's too, by what the file system's own program finds.
fn is_damaged(kind: Filesystem, head: &[u8], device: &Path, error: &Error) -> bool {
    let error = number(error);
    is_damage(kind, head, error) || look(kind, error).is_some_and(|tool| run(tool, device).is_err())
}

fn number(error: &Error) -> Option<i32> {
    error.downcast_ref::<Errno>().map(|errno| *errno as i32)
}

/// Returns whether a repair that loses nothing made the file system whole.
fn try_safe(kind: Filesystem, device: &Path) -> bool {
    let done = safe(kind).map(|tool| run(tool, device));
    done.is_some_and(|done| done.inspect_err(|error| log::error!("{error:#}")).is_ok())
}

/// Runs a program on the device, and logs what it says.
fn run(tool: Tool, device: &Path) -> Result<()> {
    let Tool { program, options, whole, instead } = tool;
    let doing = || format!("checking the file system of {} with {program}", device.display());
    let output = Command::new(program).args(options).arg(device).stdin(Stdio::null()).output();
    let output = match output {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            bail!("{}: the initrd does not have it; repair it from a rescue system", doing())
        }
        output => output.with_context(doing)?,
    };
    let said = [output.stdout, output.stderr].concat();
    // xfs_repair prints a dot for each MiB that it searches for another superblock.
    let said = String::from_utf8_lossy(&said);
    said.lines()
        .map(|line| line.trim_start_matches('.'))
        .for_each(|line| log::warn!("{program}: {}", pattern::plain::plain(line)));
    let status = output.status.code();
    if status.is_some_and(|code| whole.contains(&code)) {
        return Ok(());
    }
    if let Some((asks, options)) = instead
        && status == Some(asks)
    {
        log::warn!("{program}: starting it again with {}", options.join(" "));
        return run(Tool { options, instead: None, ..tool }, device);
    }
    bail!("{}: it ended with {}; repair it from a rescue system", doing(), output.status)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::PathBuf;

    use super::*;

    /// A file with an ext4 file system whose superblock counts the wrong free blocks and says that errors were met.
    fn damaged(name: &str) -> PathBuf {
        let device = std::env::temp_dir().join(format!("pattern-repair-{name}-{}", std::process::id()));
        fs::File::create(&device).unwrap().set_len(16 << 20).unwrap();
        let made = Command::new("mkfs.ext4").args(["-q", "-F"]).arg(&device).status().unwrap();
        assert!(made.success());
        for change in ["ssv state 2", "ssv free_blocks_count 1"] {
            let edit = Command::new("debugfs").args(["-w", "-R", change]).arg(&device).output().unwrap();
            assert!(edit.status.success());
        }
        assert!(has_errors(&luks::head(&device).unwrap()));
        device
    }

    #[test]
    fn what_loses_no_file_is_repaired_by_itself() {
        let device = damaged("safe");
        assert!(try_safe(Filesystem::Ext4, &device));
        assert!(!has_errors(&luks::head(&device).unwrap()));
        // xfs has nothing that is safe, and is left alone.
        assert!(!try_safe(Filesystem::Xfs, &device));
        fs::remove_file(device).unwrap();
    }

    #[test]
    fn an_error_that_a_broken_disk_gives_too_is_damage_if_the_program_finds_some() {
        let device = damaged("look");
        let error = |number| Error::from(number).context("mounting");
        assert!(try_safe(Filesystem::Ext4, &device));
        assert!(!is_damaged(Filesystem::Ext4, &[], &device, &error(Errno::EIO)));
        // Its root directory.
        let edit = Command::new("debugfs").args(["-w", "-R", "clri <2>"]).arg(&device).output().unwrap();
        assert!(edit.status.success());
        let before = fs::read(&device).unwrap();
        assert!(is_damaged(Filesystem::Ext4, &[], &device, &error(Errno::EIO)));
        assert!(!is_damaged(Filesystem::Ext4, &[], &device, &error(Errno::ENODEV)));
        assert!(fs::read(&device).unwrap() == before, "it was changed");
        fs::remove_file(device).unwrap();
    }

    #[test]
    fn a_repair_that_fails_is_named() {
        let error = |program, device: &Path| {
            let tool = Tool { program, options: &[], whole: &[0], instead: None };
            format!("{:#}", run(tool, device).unwrap_err())
        };
        let missing = error("fsck.that-is-not-there", Path::new("/dev/x"));
        assert!(
            missing.ends_with("the initrd does not have it; repair it from a rescue system"),
            "{missing}"
        );
        let failed = error("false", Path::new("/dev/x"));
        assert!(
            failed.ends_with("with false: it ended with exit status: 1; repair it from a rescue system"),
            "{failed}"
        );
    }

    /// As xfs_repair on a log that can't be replayed.
    #[test]
    fn a_program_is_started_again_with_the_options_that_it_asks_for() {
        let asks: &[&str] = &["-c", "exit 2"];
        let tool = |instead| Tool { program: "sh", options: asks, whole: &[0], instead: Some(instead) };
        let device = Path::new("/dev/x");
        assert!(run(tool((2, &["-c", "exit 0"])), device).is_ok());
        let (other, again) = (run(tool((3, &["-c", "exit 0"])), device), run(tool((2, asks)), device));
        assert!(other.unwrap_err().to_string().contains("it ended with exit status: 2"));
        assert!(again.unwrap_err().to_string().contains("it ended with exit status: 2"));
    }

    #[test]
    fn the_number_of_a_mount_error_is_found() {
        let refused = Err::<(), _>(Errno::EUCLEAN).context("mounting").context("more").unwrap_err();
        assert!(is_damage(Filesystem::Xfs, &[], number(&refused)));
        assert_eq!(number(&Error::msg("no")), None);
    }
}

//! Makes file systems with their own programs.

use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail};
use pattern::config::Filesystem;
use pattern::volume;

use crate::volume::luks;

const LABEL: &str = "persist";

/// Makes a file system on a device, and overwrites whatever is there.
///
/// # Errors
/// When the program does not exist or fails. The error has its message.
pub(crate) fn make(kind: Filesystem, device: &Path) -> Result<()> {
    let program = format!("mkfs.{}", kind.name());
    // Each program has its own option for "don't ask, overwrite the device".
    let force = if kind == Filesystem::Ext4 { "-F" } else { "-f" };
    let mut command = Command::new(&program);
    command.args(["-q", force, "-L", LABEL]).arg(device);
    run(&mut command).with_context(|| format!("making the file system with {program}"))
}

/// Returns the file system on a device. It can differ from `pattern.toml`, which may have changed
/// since the volume was made.
///
/// # Errors
/// When the device can't be read, or holds none of our file systems.
pub(crate) fn of(device: &Path) -> Result<Filesystem> {
    let head = luks::head(device)?;
    volume::filesystem(&head)
        .with_context(|| format!("{} holds no xfs, ext4 or btrfs file system", device.display()))
}

/// Makes the file system at `/sysroot/persist` as large as its device, with systemd's own program.
///
/// # Errors
/// When systemd or the program fails.
pub(crate) fn grow() -> Result<()> {
    let mut command = Command::new("systemctl");
    command.args(["start", "systemd-growfs@sysroot-persist.service"]);
    run(&mut command).context("growing the file system")
}

fn run(command: &mut Command) -> Result<()> {
    let output = command.stdin(Stdio::null()).output()?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        bail!("it ended with {}: {}", output.status, said.trim());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_fails_is_quoted() {
        let error = run(Command::new("sh").args(["-c", "echo no space >&2; exit 3"])).unwrap_err();
        assert_eq!(error.to_string(), "it ended with exit status: 3: no space");
        assert!(run(&mut Command::new("true")).is_ok());
    }

    #[test]
    fn a_device_that_is_not_there_is_named() {
        let error = make(Filesystem::Ext4, Path::new("/nonexistent/device")).unwrap_err();
        assert!(format!("{error:#}").starts_with("making the file system with mkfs.ext4: "), "{error:#}");
    }
}

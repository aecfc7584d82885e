//! Makes file systems with their own programs.

use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail};
use pattern::config::Filesystem;
use pattern::table::Amount;
use pattern::volume;

use crate::volume::luks;

const LABEL: &str = "persist";

/// Makes a file system on a device, and overwrites whatever is there.
///
/// # Errors
/// When the program does not exist or fails. The error has its message.
pub(crate) fn make(kind: Filesystem, device: &Path) -> Result<()> {
    let program = format!("mkfs.{}", kind.name());
    let doing = || format!("making the file system with {program}");
    let bytes = luks::size(device).with_context(doing)?;
    log::info!("{} ({})", doing(), Amount(bytes));
    let mut command = Command::new(&program);
    command.args(["-q", "-L", LABEL]).args(options(kind, bytes)).arg(device);
    run(&mut command).with_context(doing)
}

/// Returns the options for a device of this many bytes: each program's own for "don't ask, overwrite
/// the device", for "discard nothing", which takes hours on some disks and is up to fstrim(8), and a log of no more than 64 MiB. The programs write the whole log, and make it up to
/// 2 GiB on a large device (mkfs.xfs(8), `-l size=`; mke2fs(8), `-J size=`): a first boot would take
/// the longer, the larger the disk is. On smaller devices, the programs choose 64 MiB or less.
fn options(kind: Filesystem, bytes: u64) -> &'static [&'static str] {
    const GIB: u64 = 1 << 30;
    match kind {
        Filesystem::Xfs if bytes >= 128 * GIB => &["-f", "-K", "-l", "size=64m"],
        Filesystem::Ext4 if bytes >= 16 * GIB => &["-F", "-E", "nodiscard", "-J", "size=64"],
        Filesystem::Ext4 => &["-F", "-E", "nodiscard"],
        Filesystem::Xfs | Filesystem::Btrfs => &["-f", "-K"],
    }
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
    fn the_log_does_not_grow_with_the_device() {
        const GIB: u64 = 1 << 30;
        assert_eq!(options(Filesystem::Xfs, 127 * GIB), ["-f", "-K"]);
        assert_eq!(options(Filesystem::Xfs, 128 * GIB), ["-f", "-K", "-l", "size=64m"]);
        assert_eq!(options(Filesystem::Ext4, 16 * GIB - 1), ["-F", "-E", "nodiscard"]);
        assert_eq!(options(Filesystem::Ext4, 16 * GIB), ["-F", "-E", "nodiscard", "-J", "size=64"]);
        assert_eq!(options(Filesystem::Btrfs, 8192 * GIB), ["-f", "-K"]);
    }

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

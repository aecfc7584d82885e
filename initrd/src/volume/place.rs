//! The volume's partition, its device once it is open, and its mount points.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use pattern::table::{ResetPlace, reset_place};
use pattern::volume::{Header, Locks, Seen, openable};
use pattern_machine::disk::Disk;

use crate::context::Context;
use crate::volume::luks;

/// Name below `/dev/mapper`.
pub(crate) const NAME: &str = "persist";
/// The open volume.
pub(crate) const DEVICE: &str = "/dev/mapper/persist";
/// Mount point in the running system.
pub(crate) const MOUNTED: &str = "/persist";

/// Returns the partition of the volume.
///
/// # Errors
/// When the disk that `/usr` came from lists no such partition.
pub(crate) fn volume(ctx: &Context) -> Result<PathBuf> {
    listed(ctx)?.context("the disk that /usr came from has no persist volume")
}

/// Does the same as [`volume`], but returns `None` if the disk has no volume yet, because only
/// boots that persist nothing came before.
///
/// # Errors
/// When the table can't be read.
pub(crate) fn listed(ctx: &Context) -> Result<Option<PathBuf>> {
    let disk = Disk::behind_usr(&ctx.usr)?;
    Ok(match reset_place(&disk.table()?.table)? {
        ResetPlace::Volume(part) => Some(disk.partition_path(part.number)),
        ResetPlace::Begun(_) | ResetPlace::Nothing => None,
    })
}

/// Returns a volume's vetted header, and the ways to open it.
///
/// # Errors
/// When the device holds something else.
pub(crate) fn recognised(device: &Path) -> Result<(Header, Locks)> {
    Ok(openable(luks::look(device)?)?)
}

/// Returns the vetted header alone.
///
/// # Errors
/// When the device holds something else.
pub(crate) fn header(device: &Path) -> Result<Header> {
    let (header, _) = recognised(device).with_context(|| format!("persist volume {}", device.display()))?;
    Ok(header)
}

/// Returns the volume's UUID, if its header can be read.
pub(crate) fn uuid(device: &Path) -> Option<String> {
    match luks::look(device) {
        Ok(Seen::Luks2(header)) => Some(header.uuid().to_owned()),
        _ => None,
    }
}

/// Fails unless the open volume has this UUID. The disk may have been exchanged meanwhile.
pub(crate) fn require_open(uuid: &str) -> Result<()> {
    let wanted = format!("CRYPT-LUKS2-{}-{NAME}", uuid.replace('-', ""));
    let devices = fs::read_dir("/sys/class/block").context("reading /sys/class/block")?;
    let open = devices.flatten().any(|device| {
        fs::read_to_string(device.path().join("dm/uuid")).is_ok_and(|text| text.trim() == wanted)
    });
    if open {
        return Ok(());
    }
    bail!("the volume with the UUID {uuid} is not the one that is open")
}

/// Returns where the running system has mounted the volume.
///
/// # Errors
/// When it is not mounted there.
pub(crate) fn mounted() -> Result<&'static Path> {
    let volume = Path::new(MOUNTED);
    let device = |path: &Path| path.metadata().map(|facts| facts.dev());
    if device(volume).with_context(|| format!("looking at {MOUNTED}"))? == device(Path::new("/"))? {
        bail!("the volume is not mounted at {MOUNTED} in this boot");
    }
    Ok(volume)
}

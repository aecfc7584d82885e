//! Where the volume is: its partition, its device once it is open, and where it is mounted.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use pattern::table::{ResetPlace, reset_place};
use pattern::volume::{Header, Locks, Seen, openable};

use crate::context::Context;
use crate::machine::disk::Disk;
use crate::volume::luks;

/// Name below `/dev/mapper`.
pub(crate) const NAME: &str = "persist";
/// The open volume.
pub(crate) const DEVICE: &str = "/dev/mapper/persist";
/// Where the volume is mounted while this program works on it.
pub(crate) const WORK: &str = "/run/pattern/persist";
/// Where the running system mounts it.
pub(crate) const MOUNTED: &str = "/persist";

/// The partition of the volume.
///
/// # Errors
/// When the disk that `/usr` came from lists none.
pub(crate) fn volume(ctx: &Context) -> Result<PathBuf> {
    listed(ctx)?.context("the disk that /usr came from has no persist volume")
}

/// The same, when the disk has one: a boot that persists nothing may have come before it was made.
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

/// A volume's header, vetted, and the ways into it.
///
/// # Errors
/// When there is something else.
pub(crate) fn recognised(device: &Path) -> Result<(Header, Locks)> {
    Ok(openable(luks::look(device)?)?)
}

/// The header alone.
///
/// # Errors
/// When there is something else.
pub(crate) fn header(device: &Path) -> Result<Header> {
    let (header, _) = recognised(device).with_context(|| format!("persist volume {}", device.display()))?;
    Ok(header)
}

/// The volume's UUID, when its header can be read.
pub(crate) fn uuid(device: &Path) -> Option<String> {
    match luks::look(device) {
        Ok(Seen::Luks2(header)) => Some(header.uuid().to_owned()),
        _ => None,
    }
}

/// Refuses to change another volume than the one that is open. A disk may have been swapped meanwhile.
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

/// Where the running system has the volume.
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

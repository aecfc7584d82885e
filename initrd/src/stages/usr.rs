//! `pattern-usr`: finds `/usr`, opens it, verified block by block against the root hash of the
//! kernel command line, and mounts it.

mod find;
mod mounts;
mod restart;

use std::fs::File;
use std::io::Read;
use std::path::Path;

use anyhow::{Context as _, Result, anyhow, bail};
use libcryptsetup_rs::consts::flags::{CryptActivate, CryptDeactivate};
use libcryptsetup_rs::consts::vals::EncryptionFormat;
use libcryptsetup_rs::{CryptDevice, CryptInit, CryptParamsVerityRef, Either};
use pattern::boot::superblock::{self, Superblock};
use pattern::boot::usr::UsrHash;
use pattern::config::Corruption;
use pattern_machine::disk::{Disk, UsrPartitions};
use pattern_machine::drivers::{self, Drivers};
use pattern_machine::{boot_loader, damage, failure, scan, trial};

use crate::context::Context;
use crate::stage::Report;
use restart::{Response, Verdict, judge};

/// What opens and mounts `/usr`. The processor's own implementation of the algorithm comes first:
/// dm-verity keeps to the one that it finds.
const MODULES: [&str; 3] = ["crypto-sha256", "dm-verity", "erofs"];
/// Name below `/dev/mapper`.
const NAME: &str = "usr";
/// The name while all of `/usr` is being read. udev, where an initrd has it, ignores devices of
/// this name (90-pattern-dm.rules).
const TEMPORARY: &str = "temporary-cryptsetup-usr";

/// Opens the two partitions that the root hash names, as `/dev/mapper/usr`, and mounts it.
///
/// # Errors
/// When a partition is missing or is not a hash tree, or the kernel can't do what the image asks
/// for on corruption. It is never asked for something weaker.
pub(crate) fn run(ctx: &Context) -> Result<Report> {
    keep_the_way_back(ctx);
    let mut devices = Drivers::listen()?;
    // Beside the search. What they lack is said where the kernel is asked for it.
    let mut loading = drivers::begin(&MODULES)?;
    let found = find::find(&ctx.usr, &mut devices)?;
    loading.wait().context("waiting for modprobe")?;
    // For the stages that follow: a large module takes its time. The kernel waits where it is needed.
    drivers::begin(&["crypto-aes", "loop", "dm-crypt", ctx.config.volume.filesystem.name()])?;
    // The kernel keeps partitions that are open, whatever udev, where an initrd has it, thinks of the
    // disk after the mark was written.
    let _open = [&found.data, &found.tree].map(File::open);
    let Verdict { response, remark, damage } = verdict(ctx, &found);
    let UsrPartitions { data, tree: hash, .. } = found;
    let superblock =
        read_superblock(&hash).with_context(|| format!("hash tree of /usr, {}", hash.display()))?;
    let opening = || format!("opening /usr from {} and {}", data.display(), hash.display());
    if let Some(damage) = &damage
        && let Some(other) = failure::another_version(&ctx.usr, &ctx.config.image.version)
    {
        // If the firmware refuses, this version goes on without what is damaged.
        match boot_loader::start_once(&ctx.config.image.id, &other) {
            Ok(()) => bail!("/usr is damaged ({damage}); version {other} is started instead"),
            Err(error) => log::warn!("starting version {other} instead: {error:#}"),
        }
    }
    open(&data, &hash, &ctx.usr, response).with_context(opening)?;
    if let Some(damage) = damage {
        log::error!("/usr is damaged: {damage}; the TPM is not asked for the volume's key in this boot");
        damage::note(&damage)?;
    }
    mounts::mount_all(&Path::new("/dev/mapper").join(NAME))?;
    let found = format!("{superblock} on {}", data.display());
    Ok(Report { found, decided: format!("opened it, {response} on corruption{remark}") })
}

/// A default entry that names a version on trial would start it again after each failure.
fn keep_the_way_back(ctx: &Context) {
    let image = &ctx.config.image;
    if !trial::running() {
        return;
    }
    match boot_loader::unpin(&image.id, &image.version) {
        Ok(false) => {}
        Ok(true) => log::warn!(
            "version {0}, which is on trial, was the default entry of the boot menu, so the boot loader could not go back: it is \
             not the default entry any more",
            image.version
        ),
        Err(error) => log::warn!("removing the boot menu's default entry: {error:#}"),
    }
}

fn read_superblock(hash: &Path) -> Result<Superblock> {
    let mut bytes = [0; superblock::BYTES];
    File::open(hash).and_then(|mut file| file.read_exact(&mut bytes)).context("reading it")?;
    Ok(Superblock::parse(&bytes)?)
}

/// Removes the mark at an orderly end of the system. The next boot then has no doubt.
///
/// # Errors
/// When the mark is there and can't be removed.
pub(crate) fn disarm(ctx: &Context) -> Result<()> {
    Disk::behind_usr(&ctx.usr)?.boot_mark()?.map_or(Ok(()), |mark| mark.remove())
}

/// Returns what corruption leads to in this boot.
fn verdict(ctx: &Context, found: &UsrPartitions) -> Verdict {
    match ctx.config.verity.on_corruption {
        Corruption::Panic => Verdict::plain(Response::Panic),
        Corruption::IoError => Verdict::plain(Response::IoError),
        Corruption::Restart if ctx.flags.plan_only => {
            let remark = " (planned only: restart)".to_owned();
            Verdict { remark, ..Verdict::plain(Response::IoError) }
        }
        Corruption::Restart => {
            let mark = found.disk().and_then(|disk| disk.boot_mark());
            judge(mark, &ctx.usr, || read_all(&found.data, &found.tree, &ctx.usr))
        }
    }
}

/// Reads all of `/usr` under another name. Under its own name, units that wait for it would start.
fn read_all(data: &Path, hash: &Path, usr: &UsrHash) -> Result<u64> {
    let mut device = load(data, hash)?;
    activate(&mut device, TEMPORARY, usr, CryptActivate::READONLY)?;
    let read = scan::read_all(&Path::new("/dev/mapper").join(TEMPORARY));
    if let Err(error) = device.activate_handle().deactivate(TEMPORARY, CryptDeactivate::empty()) {
        // Nobody uses it, and it disappears with the boot.
        log::warn!("closing /dev/mapper/{TEMPORARY}: {error}");
    }
    read
}

fn open(data: &Path, hash: &Path, usr: &UsrHash, response: Response) -> Result<()> {
    let flags = CryptActivate::READONLY
        | match response {
            Response::Restart => CryptActivate::RESTART_ON_CORRUPTION,
            Response::Panic => CryptActivate::PANIC_ON_CORRUPTION,
            Response::IoError => CryptActivate::empty(),
        };
    let mut device = load(data, hash)?;
    activate(&mut device, NAME, usr, flags)?;
    prove(Path::new("/dev/mapper").join(NAME).as_path()).inspect_err(|_| {
        // If it stays open, nobody uses it: everything that follows requires this stage.
        device.activate_handle().deactivate(NAME, CryptDeactivate::empty()).ok();
    })
}

fn load(data: &Path, hash: &Path) -> Result<CryptDevice> {
    // For dm-verity, the hash tree is libcryptsetup's main device.
    let mut device = CryptInit::init_with_data_device(Either::Right((hash, data)))
        .map_err(|error| anyhow!("opening the partitions: {error}"))?;
    let load = device.context_handle().load::<CryptParamsVerityRef<'_>>(Some(EncryptionFormat::Verity), None);
    load.map_err(|error| anyhow!("reading the superblock: {error}"))?;
    Ok(device)
}

fn activate(device: &mut CryptDevice, name: &str, usr: &UsrHash, flags: CryptActivate) -> Result<()> {
    let opened = device.activate_handle().activate_by_volume_key(Some(name), Some(usr.bytes()), flags);
    opened.map_err(|error| anyhow!("asking the kernel for dm-verity: {error}"))
}

/// Reads the first block. The kernel verifies only what is read, and no later stage may run on a
/// damaged system.
fn prove(device: &Path) -> Result<()> {
    let mut block = [0; 4096];
    File::open(device).and_then(|mut file| file.read_exact(&mut block)).context(
        "its first block can't be verified: /usr or its hash tree is damaged or was tampered with; start another \
         version, or write the image anew",
    )
}

//! `pattern-usr`: opens `/usr`, verified block by block against the root hash of the kernel command line.

mod restart;
mod superblock;

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, anyhow};
use libcryptsetup_rs::consts::flags::{CryptActivate, CryptDeactivate};
use libcryptsetup_rs::consts::vals::EncryptionFormat;
use libcryptsetup_rs::{CryptInit, CryptParamsVerityRef, Either};
use pattern::config::Corruption;
use pattern::usr::UsrHash;

use crate::Report;
use crate::context::Context;
use crate::variable::Variable;
use restart::{Response, respond};
use superblock::Superblock;

/// The variable that holds the root hash of a boot that has not ended yet.
const RESTART: &str = "PatternVerityRestart";
/// Name below `/dev/mapper`.
const NAME: &str = "usr";

/// Opens the two partitions that the root hash names as `/dev/mapper/usr`.
///
/// # Errors
/// When a partition is missing or is no hash tree, or the kernel can't do what the image asks for on corruption:
/// it is never asked for less.
pub(crate) fn run(ctx: &Context) -> Result<Report> {
    let (data, hash) = (partition(&ctx.usr.data_uuid()), partition(&ctx.usr.hash_uuid()));
    let superblock =
        read_superblock(&hash).with_context(|| format!("hash tree of /usr, {}", hash.display()))?;
    let (response, why) = response(ctx);
    open(&data, &hash, &ctx.usr, response)
        .with_context(|| format!("opening /usr from {} and {}", data.display(), hash.display()))?;
    let found = format!("{superblock} on {}", data.display());
    Ok(Report { found, decided: format!("opened it, {response} on corruption{why}") })
}

fn partition(uuid: &str) -> PathBuf {
    Path::new("/dev/disk/by-partuuid").join(uuid)
}

fn read_superblock(hash: &Path) -> Result<Superblock> {
    let mut bytes = [0; superblock::BYTES];
    File::open(hash).and_then(|mut file| file.read_exact(&mut bytes)).context("reading it")?;
    Ok(Superblock::parse(&bytes)?)
}

/// What corruption leads to in this boot, and a remark when that is less than the image's policy.
fn response(ctx: &Context) -> (Response, String) {
    match ctx.config.verity.on_corruption {
        Corruption::Panic => (Response::Panic, String::new()),
        Corruption::IoError => (Response::IoError, String::new()),
        Corruption::Restart if ctx.flags.plan_only => {
            (Response::IoError, " (planned only: restart once)".to_owned())
        }
        Corruption::Restart => restart_once(&Variable::new(RESTART), &ctx.usr),
    }
}

/// Restarting is asked for only when the next boot will know of it: otherwise it would restart for ever.
fn restart_once(variable: &Variable, usr: &UsrHash) -> (Response, String) {
    let armed = variable.read().and_then(|before| match respond(before, usr) {
        Response::Restart => variable.write(usr.bytes()).map(|()| Response::Restart),
        other => Ok(other),
    });
    match armed {
        Ok(Response::Restart) => (Response::Restart, String::new()),
        Ok(other) => {
            let why = "the last boot from this /usr did not end in an orderly way";
            log::warn!("{why}: no restart on corruption this time");
            (other, format!(" ({why})"))
        }
        Err(error) => {
            log::warn!("no restart on corruption: {error:#}");
            (Response::IoError, format!(" ({error:#})"))
        }
    }
}

/// `pattern-usr --disarm`, at an orderly shutdown: the next boot may restart again.
///
/// # Errors
/// When the variable is there and can't be removed.
pub(crate) fn disarm() -> Result<()> {
    Variable::new(RESTART).remove()
}

fn open(data: &Path, hash: &Path, usr: &UsrHash, response: Response) -> Result<()> {
    let flags = CryptActivate::READONLY
        | match response {
            Response::Restart => CryptActivate::RESTART_ON_CORRUPTION,
            Response::Panic => CryptActivate::PANIC_ON_CORRUPTION,
            Response::IoError => CryptActivate::empty(),
        };
    let failed = |what: &'static str| move |error| anyhow!("{what}: {error}");
    let mut device = CryptInit::init_with_data_device(Either::Right((hash, data)))
        .map_err(failed("opening the partitions"))?;
    let load = device.context_handle().load::<CryptParamsVerityRef<'_>>(Some(EncryptionFormat::Verity), None);
    load.map_err(failed("reading the superblock"))?;
    let opened = device.activate_handle().activate_by_volume_key(Some(NAME), Some(usr.bytes()), flags);
    opened.map_err(failed("asking the kernel for dm-verity"))?;
    prove(Path::new("/dev/mapper").join(NAME).as_path()).inspect_err(|_| {
        // udev may be reading it; left open, it is used by nobody: all that follows requires this stage.
        let _ = device.activate_handle().deactivate(NAME, CryptDeactivate::empty());
    })
}

/// Reads the first block. The kernel checks nothing before a read; no later stage must run on a damaged system.
fn prove(device: &Path) -> Result<()> {
    let mut block = [0; 4096];
    File::open(device).and_then(|mut file| file.read_exact(&mut block)).context(
        "its first block can't be verified: /usr or its hash tree is damaged or was tampered with; start another \
         version, or write the image anew",
    )
}

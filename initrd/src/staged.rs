//! `pattern check-update`: will the version that the next boot starts be able to open the persist volume?

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, bail};
use pattern::entry::Entry;
use pattern::table::{PERSIST_LEAST, PersistPlace, persist};
use pattern::token::Bank;
use pattern::unlock::{Verdict, verdict};
use pattern::update;
use pattern::volume::{Decision, Locks, decide};

use crate::context::Context;
use crate::disk::Disk;
use crate::{entries, luks};

/// One byte after the attributes: 1 when it is on (UEFI Specification, "Globally Defined Variables").
const SECURE_BOOT: &str = "/sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c";

/// The staged version and what will become of it; `None` when the next boot starts the version that runs.
///
/// # Errors
/// When the volume or the EFI system partition can't be read.
pub(crate) fn check(ctx: &Context) -> Result<Option<(Entry, Verdict)>> {
    let image = &ctx.config.image;
    let entries = entries::look(&image.id)?;
    let Some(staged) = update::staged(&image.version, &entries) else { return Ok(None) };
    let verdict = verdict(&locks(ctx)?, secure_boot(), None, pcr);
    Ok(Some((staged.clone(), verdict)))
}

fn locks(ctx: &Context) -> Result<Locks> {
    let disk = Disk::behind_usr(&ctx.usr)?;
    let PersistPlace::Existing { number, .. } = persist(&disk.table()?.table, PERSIST_LEAST)? else {
        bail!("disk {} has no persist volume", disk.path().display());
    };
    let device = disk.partition_path(number);
    let about = || format!("persist volume {}", device.display());
    match decide(Some(&luks::look(&device).with_context(about)?)).with_context(about)? {
        Decision::Open(locks) => Ok(locks),
        Decision::Create => bail!("{}: it is not there", about()),
    }
}

fn secure_boot() -> bool {
    fs::read(SECURE_BOOT).is_ok_and(|bytes| bytes.last() == Some(&1))
}

/// A register's value, as the kernel shows it: hexadecimal.
fn pcr(bank: Bank, pcr: u8) -> Option<Vec<u8>> {
    let path = Path::new("/sys/class/tpm/tpm0").join(format!("pcr-{}/{pcr}", bank.name()));
    let text = fs::read_to_string(path).ok()?;
    let digits = text.trim().as_bytes().chunks(2);
    digits.map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()).collect()
}

//! Makes the file system of the EFI system partition anew, for a disk with sectors of another size.
//!
//! Linux does not mount a FAT whose sectors are smaller than the disk's, and firmware does not read one of larger sectors on
//! most disks. All other parts of an image are in blocks of 4096 bytes.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, bail};
use pattern::table::{Amount, LEAD};

use super::image::Image;
use crate::host::screen::Screen;
use crate::host::temporary;
use crate::host::tools::{self, Need, Source};
use crate::host::tree::Tools;

const MCOPY: Need = Need { programs: &["mcopy"], package: "mtools" };
const MKFS: Need = Need { programs: &["mkfs.vfat"], package: "dosfstools" };

/// Returns the image with an EFI system partition of the same files, if its file system has sectors of another size.
///
/// # Errors
/// When a program is missing or fails, or the partition is too small for its files in larger clusters.
pub(super) fn fitted(mut image: Image, sector: u64, tools: &Tools, screen: Screen) -> Result<Image> {
    let Some(fat) = image.fat_sector.filter(|fat| *fat != sector) else { return Ok(image) };
    let doing = format!(
        "the disk has sectors of {sector} bytes, and the file system of the image's EFI system partition has sectors of {fat}: \
         making it anew"
    );
    screen.say(&doing);
    let bytes = first_partition(&image).context("no partition begins at 1 MiB").context(doing.clone())?;
    let folder = temporary::folder()?;
    let old = folder.path().join("old");
    let mut file = File::create(&old).context(doing.clone())?;
    let copied = io::copy(&mut image.rest.by_ref().take(bytes), &mut file).context(doing.clone())?;
    if copied != bytes {
        bail!("{doing}: the image ends early: is it damaged?");
    }
    let new = anew(folder.path(), &old, bytes, sector, tools).context(doing.clone())?;
    let new = File::open(new).context(doing)?;
    Ok(Image { rest: Box::new(new.chain(image.rest)), fat_sector: Some(sector), ..image })
}

/// Returns the bytes of the partition whose start was looked at.
fn first_partition(image: &Image) -> Option<u64> {
    let size = image.table.sector_size();
    let first = image.table.partitions().find(|part| part.extent.first.checked_mul(size) == Some(LEAD));
    first.map(|part| image.table.bytes(part.extent))
}

/// Makes a file system of this many bytes with the files of another one. Returns its file.
fn anew(folder: &Path, old: &Path, bytes: u64, sector: u64, tools: &Tools) -> Result<std::path::PathBuf> {
    let (files, new) = (folder.join("files"), folder.join("new"));
    fs::create_dir(&files)?;
    mcopy("unpacking it", tools, |command| command.arg(old).arg("::*").arg(&files))?;
    File::create(&new)?.set_len(bytes)?;
    let source = Source::of(MKFS, tools)?;
    let mut command = source.command("mkfs.vfat");
    command.args(["-n", "ESP", "-S", &sector.to_string()]).arg(&new);
    tools::output("formatting it", &mut command)?;
    let names = fs::read_dir(&files)?.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>>>()?;
    let filling = format!("filling {} again", Amount(bytes));
    if !names.is_empty() {
        mcopy(&filling, tools, |command| command.arg(&new).args(names).arg("::"))?;
    }
    Ok(new)
}

fn mcopy(doing: &str, tools: &Tools, operands: impl FnOnce(&mut Command) -> &mut Command) -> Result<()> {
    let source = Source::of(MCOPY, tools)?;
    let mut command = source.command("mcopy");
    // With all folders and times, without questions, from or to this image.
    command.args(["-s", "-p", "-Q", "-m", "-n", "-i"]).env("TZ", "UTC");
    tools::output(doing, operands(&mut command)).map(|_| ())
}

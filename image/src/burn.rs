//! `pattern burn`: writes an image to a disk, and reads it back.

mod blocks;
mod buffer;
mod contents;
mod decision;
mod esp;
mod image;
mod listing;
mod progress;
mod refusal;
mod source;
mod target;
mod write;

use std::io::{self, IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};
use pattern::table::{Amount, Fitted};

use blocks::Block;
use decision::{Decision, Facts, decide};
use image::Image;
use source::Source;
use target::{Kind, Target};
use write::Job;

use crate::host::tools;

/// Options of `burn`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Burn {
    /// The image, or a folder with one.
    pub image: PathBuf,
    /// The disk. Without one, the disks of this host are listed.
    pub device: Option<PathBuf>,
    /// The public keys that the signature of a release is checked with.
    pub keyring: Option<PathBuf>,
    /// Name or serial number of the disk, which then is erased without a question.
    pub erase: Option<String>,
    /// Whether the list of disks is for a program.
    pub json: bool,
    /// The tools tree.
    pub tools: PathBuf,
}

/// Burns the image. Returns whether it was told which disk to take; if not, it lists them.
///
/// # Errors
/// When the disk is in use or holds something that nobody gave up, the image is not what was built or signed, a program is
/// missing, or the disk does not keep what is written to it.
pub fn burn(options: &Burn) -> Result<bool> {
    let source = Source::find(&options.image, options.keyring.as_deref())?;
    let Some(device) = &options.device else {
        list(options.json)?;
        return Ok(options.json);
    };
    let disk = Disk::open(device)?;
    let (image, fitted) = prepare(&source, &disk, options)?;
    let facts = disk.facts()?;
    println!("Disk {facts}");
    confirm(&facts, options.erase.as_deref())?;
    perform(&Job { fitted: &fitted, target: &disk.target, path: device }, &facts, image)?;
    disk.close();
    println!("Written and read back: {}", device.display());
    if facts.has_persist() {
        println!("{KNOWN}");
    }
    Ok(true)
}

/// Returns the image as this disk needs it, and the table.
fn prepare(source: &Source, disk: &Disk, options: &Burn) -> Result<(Image, Fitted)> {
    let checked = source.check(options.keyring.as_deref(), &options.tools)?;
    let image = Image::open(source, &options.tools)?;
    println!("Image {} ({checked})", source.file.display());
    let (sector, size) = (disk.target.sector, disk.target.size);
    let fitted = image.table.fit(&image.lead, sector, size);
    let fitted = fitted.with_context(|| format!("{} on {}", source.file.display(), disk.path.display()))?;
    let needed = image.table.least_installed(sector);
    if size < needed {
        let (size, needed) = (Amount(size), Amount(needed));
        eprintln!(
            "warning: the disk has {size}, and a system that is installed needs more than {needed}: room for another version and \
             for its files"
        );
    }
    Ok((esp::fitted(image, sector, &options.tools)?, fitted))
}

const KNOWN: &str = "A machine that kept its files on this disk knows that, and makes no others: clear its TPM in the firmware's \
                     setup before it starts from this disk. Another machine needs nothing.";

fn list(json: bool) -> Result<()> {
    let blocks = blocks::list()?;
    let rows = listing::rows(&blocks, listing::is_busy);
    if json {
        println!("{}", listing::json(&rows));
    } else {
        print!("{}", listing::text(&rows));
        eprintln!("pattern: burn: name the disk: pattern burn IMAGE DEVICE");
    }
    Ok(())
}

/// A disk that nobody else uses.
struct Disk<'a> {
    path: &'a Path,
    /// What the kernel knows of it, if it is no file.
    block: Option<Block>,
    target: Target,
}

impl<'a> Disk<'a> {
    /// Opens a disk.
    ///
    /// # Errors
    /// When it must not be written to.
    fn open(path: &'a Path) -> Result<Self> {
        let kind = target::kind(path)?;
        let block = match &kind {
            Kind::Device(numbers) => Some(unused(numbers)?),
            Kind::File => None,
        };
        let sector = block.as_ref().map_or(512, |block| block.sector);
        Ok(Self { path, target: Target::open(path, &kind, sector)?, block })
    }

    fn facts(&self) -> Result<Facts> {
        let looking = || format!("looking at {}", self.path.display());
        let things = contents::look(&mut self.target.reader(), self.target.sector, self.block.as_ref());
        let things = things.with_context(looking)?;
        let file_name = || self.path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let size = || format!("a file, {}", Amount(self.target.size));
        let block = self.block.as_ref();
        Ok(Facts {
            name: block.map_or_else(file_name, |block| block.name.clone()),
            serial: block.and_then(|block| block.serial.clone()),
            description: block.map_or_else(size, listing::describe),
            things,
        })
    }

    /// Lets others use the disk, and has the kernel read its table.
    fn close(self) {
        drop(self.target);
        if self.block.is_some() {
            // Where udev runs, it has done so. Not every device may have partitions.
            let mut command = Command::new("blockdev");
            tools::output("reading the table", command.arg("--rereadpt").arg(self.path)).ok();
        }
    }
}

/// Returns what the kernel knows of a device.
///
/// # Errors
/// When it must not be written to.
fn unused(numbers: &str) -> Result<Block> {
    let blocks = blocks::list()?;
    let (block, disk) = blocks::find(&blocks, numbers)
        .with_context(|| format!("lsblk does not list the device with the numbers {numbers}"))?;
    match refusal::refusal(block, disk) {
        Some(refusal) => bail!("{refusal}"),
        None => Ok(block.clone()),
    }
}

/// Asks, if need be.
///
/// # Errors
/// When the disk is not to be erased.
fn confirm(facts: &Facts, named: Option<&str>) -> Result<()> {
    match decide(facts, named, io::stdin().is_terminal()) {
        Decision::Refuse(reason) => bail!("{}: {reason}", facts.name),
        Decision::Erase => return Ok(()),
        Decision::Ask => {}
    }
    eprint!("All of it will be lost. Type {} to erase it: ", facts.name);
    io::stderr().flush().ok();
    let mut answer = String::new();
    io::stdin().read_line(&mut answer).context("reading the answer")?;
    if !facts.is_called(&answer) {
        bail!("{}: not erased: the answer was {:?}; nothing was changed", facts.name, answer.trim());
    }
    Ok(())
}

fn perform(job: &Job<'_>, facts: &Facts, mut image: Image) -> Result<()> {
    let cleared = job.clear(&facts.things);
    let written = cleared.and_then(|()| job.partitions(&mut image.rest)).and_then(|()| job.table());
    written.with_context(|| {
        format!(
            "{} is not finished: it has no partition table, and nothing starts from it",
            job.path.display()
        )
    })
}

//! `pattern burn`: writes an image to a disk, and reads it back.

mod address;
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

use std::io::{self, IsTerminal as _};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};
use clap::{Args, ValueHint};
use pattern::table::{Amount, Fitted};

use blocks::Block;
use decision::{Decision, Facts, decide};
use image::Image;
use source::Source;
use target::{Kind, Target};
use write::Job;

use crate::host::results;
use crate::host::screen::{self, Screen};
use crate::host::signals;
use crate::host::step::Step;
use crate::host::tools;
use crate::host::tree::{CACHE, Tools};
use crate::host::waiting::{self, A_WHILE};

/// Options of `burn`.
#[derive(Args, Clone, PartialEq, Eq, Debug)]
pub struct Burn {
    /// The image; or the folder of a version or a release, for the newest image in it
    #[arg(value_name = "IMAGE", value_hint = ValueHint::AnyPath)]
    pub image: PathBuf,
    /// The disk, such as /dev/sdb, or a file that is the disk of a virtual machine
    #[arg(value_name = "DEVICE", value_hint = ValueHint::FilePath)]
    pub device: Option<PathBuf>,
    /// The public keys that the signature of a release is checked with: gen-keyring's NAME-pubring.pgp
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub keyring: Option<PathBuf>,
    /// Erase this disk without a question; WORD is its serial number, or its name, such as sdb
    #[arg(long, value_name = "WORD", value_hint = ValueHint::Other, requires = "device")]
    pub erase: Option<String>,
    /// List the disks as one JSON array
    #[arg(long, conflicts_with = "device")]
    pub json: bool,
    /// The tools tree with gpg, xz, mtools and dosfstools, for a host that has none
    #[arg(long, value_name = "DIR", default_value = CACHE, value_hint = ValueHint::DirPath)]
    pub tools: Tools,
}

/// Burns the image. Returns whether it was told which disk to take; if not, it lists them.
///
/// # Errors
/// When the disk is in use or holds something that nobody gave up, the image is not what was built or signed, a program is
/// missing, or the disk does not keep what is written to it.
pub fn burn(options: &Burn, screen: Screen) -> Result<bool> {
    let source = Source::find(&options.image, options.keyring.as_deref())?;
    let Some(device) = &options.device else {
        image::look(&source, &options.tools)?;
        list(options.json)?;
        return Ok(false);
    };
    if target::is_made_of(device, &source.file)? {
        bail!("{} is the image itself, or a device made of it: name another disk", device.display());
    }
    signals::catch()?;
    let disk = Disk::open(device)?;
    let (mut image, fitted) = prepare(&source, &disk, options, screen)?;
    let facts = disk.facts(screen)?;
    confirm(&facts, options.erase.as_deref(), screen)?;
    let job = Job { fitted: &fitted, target: &disk.target, path: device, screen };
    job.run(&facts.things, &mut image.rest)?;
    disk.close();
    if facts.has_persist() {
        screen::warn(KNOWN);
    }
    if let Some(warning) = address::warning(device, &fitted.table, &options.tools) {
        screen::warn(format_args!("warning: {warning}"));
    }
    Ok(true)
}

/// Returns the image as this disk needs it, and the table.
fn prepare(source: &Source, disk: &Disk, options: &Burn, screen: Screen) -> Result<(Image, Fitted)> {
    let checked = source.check(options.keyring.as_deref(), &options.tools, screen)?;
    let image = Image::open(source, &options.tools)?;
    screen.say(format_args!("Image {} ({checked})", source.file.display()));
    let (sector, size) = (disk.target.sector, disk.target.size);
    let fitted = image.table.fit(&image.lead, sector, size);
    let fitted = fitted.with_context(|| format!("{} on {}", source.file.display(), disk.path.display()))?;
    let needed = image.table.least_installed(sector);
    if size < needed {
        let (size, needed) = (Amount(size), Amount(needed));
        screen::warn(format_args!(
            "warning: the disk has {size}, and a system that is installed needs more than {needed}: room for another version and \
             for its files"
        ));
    }
    Ok((esp::fitted(image, sector, &options.tools, screen)?, fitted))
}

const KNOWN: &str = "warning: a machine that kept its files on this disk knows that, and makes no others: clear its TPM in the firmware's \
                     setup before it starts from this disk. Another machine needs nothing.";

fn list(json: bool) -> Result<()> {
    let blocks = blocks::list()?;
    let rows = listing::rows(&blocks, listing::is_busy);
    if json {
        results::json(&listing::json(&rows))?;
    } else {
        results::text(&listing::text(&rows))?;
    }
    screen::warn("pattern: burn: name the disk: pattern burn IMAGE DEVICE");
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
            Kind::Device(numbers) => Some(unused(path, numbers)?),
            Kind::File => {
                target::refuse_no_disk(path)?;
                None
            }
        };
        let sector = block.as_ref().map_or(512, |block| block.sector);
        Ok(Self { path, target: Target::open(path, &kind, sector)?, block })
    }

    fn facts(&self, screen: Screen) -> Result<Facts> {
        let looking = || format!("looking at {}", self.path.display());
        let step = Step::new(screen, self.path.display().to_string());
        step.show("looking what it holds");
        let things = contents::look(&mut self.target.reader(), self.target.sector, self.block.as_ref());
        let mut things = things.with_context(looking)?;
        // A disk is too large to read all of it. A file may have something that somebody wants, though it is blank at both ends.
        if things.is_empty() && self.block.is_none() && self.target.has_data().with_context(looking)? {
            things.push(contents::somewhere(self.target.size));
        }
        step.end("looked at");
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
            tools::output("reading the table", command.arg("--rereadpt").arg(&*tools::operand(self.path)))
                .ok();
        }
    }
}

/// Returns what the kernel knows of a device.
///
/// # Errors
/// When it must not be written to.
fn unused(path: &Path, numbers: &str) -> Result<Block> {
    let blocks = blocks::list()?;
    let (block, disk) = blocks::find(&blocks, numbers)
        .with_context(|| refusal::unlisted(&path.display().to_string(), numbers))?;
    match refusal::refusal(block, disk) {
        Some(refusal) => bail!("{refusal}"),
        None => Ok(block.clone()),
    }
}

/// Asks, if need be.
///
/// # Errors
/// When the disk is not to be erased.
fn confirm(facts: &Facts, named: Option<&str>, screen: Screen) -> Result<()> {
    let decision = decide(facts, named, io::stdin().is_terminal());
    if decision != Decision::Ask {
        screen.say(format_args!("Disk {facts}"));
    }
    match decision {
        Decision::Refuse(reason) => bail!("{}: {reason}", facts.name),
        Decision::Erase => return Ok(()),
        Decision::Ask => screen::ask(format_args!(
            "Disk {facts}\nAll of it will be lost. Type {} to erase it: ",
            facts.name
        )),
    }
    let answer = answer().context("reading the answer")?;
    if !facts.is_called(&answer) {
        bail!("{}: not erased: the answer was {:?}; nothing was changed", facts.name, answer.trim());
    }
    Ok(())
}

/// Returns the line that a person types. A signal ends the waiting.
fn answer() -> io::Result<String> {
    let mut answer = String::new();
    while !waiting::is_readable(io::stdin(), A_WHILE)? {
        signals::refuse_to_go_on()?;
    }
    io::stdin().read_line(&mut answer)?;
    Ok(answer)
}

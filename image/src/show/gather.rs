//! Collects the facts of an image.

use std::fs;
use std::os::unix::fs::FileTypeExt as _;
use std::path::Path;

use anyhow::{Context, Result, bail};

use super::facts::Facts;
use super::kernel::Kernel;
use super::signature::Signed;
use super::system::System;
use super::{disk, packages, signature};
use crate::esp::Esp;
use crate::host::file;
use crate::host::pubring::Pubring;
use crate::host::screen::Screen;
use crate::host::step::Step;
use crate::host::temporary;
use crate::host::tree::Tools;
use crate::release::usr::Usr;
use crate::release::{Codec, Compression};

/// Where firmware finds the boot loader (UEFI Specification, "Removable Media Boot Behavior").
const LOADERS: &str = "EFI/BOOT";
const KERNELS: &str = "EFI/Linux";
/// What systemd-pull verifies updates with.
const KEYRING: &str = "/lib/systemd/import-pubring.gpg";

/// Reads everything that can be read.
///
/// # Errors
/// When the file is not an image.
pub(super) fn gather(image: &Path, tools: &Tools, screen: Screen) -> Result<Facts> {
    let name = image.display().to_string();
    let reading = || format!("reading {name}");
    let kind = fs::metadata(image).with_context(reading)?.file_type();
    // Nothing may ever be written to a FIFO, and opening one waits for that.
    if !kind.is_file() && !kind.is_block_device() {
        bail!("{name} is {}, not an image", file::what(kind));
    }
    let compression = Compression::of_file(image).with_context(reading)?;
    if compression == Compression::None {
        return plain(&name, image, tools);
    }
    let place = temporary::folder()?;
    let unpacked = place.path().join("image.raw");
    let step = Step::new(screen, &name);
    Codec::find(compression, tools)?.unpack(image, &unpacked)?;
    step.end("unpacked");
    plain(&name, &unpacked, tools)
}

/// Reads an image that is not compressed. It has this name for people.
fn plain(name: &str, image: &Path, tools: &Tools) -> Result<Facts> {
    let (partitions, bytes) = disk::read(name, image)?;
    let mut facts = Facts { file: name.to_owned(), bytes, partitions, ..Facts::default() };
    let start = |kind| {
        facts.partition(kind).map(|part| part.start).with_context(|| format!("there is no partition {kind}"))
    };
    let esp = start("esp").and_then(|start| Esp::new(image, start, tools));
    let usr = start("usr").and_then(|start| Usr::new(image, start, tools));
    if let Some(esp) = facts.keep(esp) {
        facts.kernel = facts.keep(kernel(&esp, tools));
        facts.boot_loader = facts.keep(boot_loader(&esp, tools));
    }
    if let Some(usr) = facts.keep(usr) {
        facts.system = facts.keep(System::read(&usr));
        facts.update_keys = facts.keep(update_keys(&usr, tools));
    }
    facts.packages = facts.keep(packages::read(name));
    Ok(facts)
}

/// Reads the first program of a folder. An image has one in each.
fn program(esp: &Esp, folder: &str, tools: &Tools) -> Result<(Vec<u8>, Signed)> {
    let found = esp.list(folder)?.into_iter().find(|path| path.to_lowercase().ends_with(".efi"));
    let file = found.with_context(|| format!("{folder} of the EFI system partition has no program"))?;
    let bytes = esp.file(&file)?;
    let signed = signature::read(&file, &bytes, tools)?;
    Ok((bytes, signed))
}

fn kernel(esp: &Esp, tools: &Tools) -> Result<Kernel> {
    let (bytes, signed) = program(esp, KERNELS, tools)?;
    Kernel::read(&bytes, signed)
}

fn boot_loader(esp: &Esp, tools: &Tools) -> Result<Signed> {
    program(esp, LOADERS, tools).map(|(_, signed)| signed)
}

fn update_keys(usr: &Usr, tools: &Tools) -> Result<Vec<String>> {
    let bytes = usr.bytes(KEYRING)?.with_context(|| format!("/usr{KEYRING} is missing in the image"))?;
    let place = temporary::folder()?;
    let file = place.path().join("keyring of the image");
    fs::write(&file, bytes).with_context(|| format!("writing {}", file.display()))?;
    Ok(Pubring::read(&file, tools)?.keys)
}

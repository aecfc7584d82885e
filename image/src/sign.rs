//! `pattern sign-image`: signs an image that was made without keys, as by Nix, whose store everybody on a machine can read.

mod kernel;
mod partition;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use clap::{Args, ValueHint};
use pattern::config::{self, Config};
use pattern::update::release::Part;

use crate::build::date::Date;
use crate::build::keys::{Keys, Pcr};
use crate::build::{claim, exchange, made, output, pairs, place, print_made, room, writable};
use crate::efi::Programs;
use crate::host::pubring::{self, Pubring};
use crate::host::screen::{self, Screen};
use crate::host::signals;
use crate::host::tree::{CACHE, Tools};
use crate::release::usr::{CONFIG, Usr};
use crate::release::{Built, Kind, copy};

/// Options of `sign-image`.
#[derive(Args, Clone, PartialEq, Eq, Debug)]
pub struct SignImage {
    /// The folder of an image by Nix: pattern.release
    #[arg(value_name = "RESULT", value_hint = ValueHint::DirPath)]
    pub result: PathBuf,
    /// Sign PCR 11, kernel image and boot loader with these keys: gen-keyring's NAME-keys
    #[arg(value_name = "KEYS", value_hint = ValueHint::DirPath)]
    pub keys: PathBuf,
    /// Replace a version that is there already
    #[arg(long)]
    pub force: bool,
    /// Where images go
    #[arg(long, value_name = "DIR", default_value = "build/images", value_hint = ValueHint::DirPath)]
    pub output: PathBuf,
    /// The tools tree with ukify, systemd-sbsign and mtools, for a host that has none
    #[arg(long, value_name = "DIR", default_value = CACHE, value_hint = ValueHint::DirPath)]
    pub tools: Tools,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

/// What is signed, and with what.
struct Work<'a> {
    built: &'a Built,
    config: &'a Config,
    keys: &'a Keys,
    programs: Programs,
    tools: &'a Tools,
    date: Date,
}

/// Signs the image, and prints where it is. What was given stays as it is.
///
/// # Errors
/// When the image was changed since it was built, is signed already, a key is missing or does not belong to the others, or a
/// program fails. Nothing is made then.
pub fn sign(options: &SignImage, screen: Screen) -> Result<()> {
    place::refuse(&options.output)?;
    signals::catch()?;
    let built = Built::read(&options.result)?;
    let usr = Usr::new(&built.file(Kind::Part(Part::Usr))?, 0, &options.tools)?;
    refuse_loader(&usr, &options.result)?;
    let config = configuration(&usr, &options.result)?;
    let keys = keys(options, &config)?;
    let programs = Programs::find("signing an image", &options.tools)?;
    pairs::check(&keys, &options.tools)?;
    let pubring = built.pubring();
    let trusted = Pubring::read(&pubring, &options.tools)?;
    pairs::warning(&keys, &trusted, &pubring, &options.tools).iter().for_each(screen::warn);
    let to = options.output.join(&built.base);
    writable::result(&built.base, &options.output, &to)?;
    output::refuse_to_replace(&built.base, &to, options.force)?;
    let work = options.output.join(".work").join(&built.base);
    let _version = claim::version(&work)?;
    output::refuse_to_replace(&built.base, &to, options.force)?;
    claim::empty(&work)?;
    built.check(screen)?;
    let date = Date::find_or(|| usr.made())?;
    let signing = Work { built: &built, config: &config, keys: &keys, programs, tools: &options.tools, date };
    let result = made(&work.join("result"))?;
    let names = signing.write(&result)?;
    exchange::into_place(&built.base, &result, &to)?;
    print_made(options.json, &built.base, &to, &names)
}

impl Work<'_> {
    /// Writes the whole result into an empty folder. Returns the names of the files with sums.
    fn write(&self, result: &Path) -> Result<Vec<String>> {
        let kernel = kernel::sign(self, &self.built.file(Kind::Uki)?)?;
        room::check(self.config.partitions.sizes.esp, kernel.len() as u64)?;
        for from in self.built.files() {
            copy(&from, &result.join(from.file_name().unwrap_or_default()))?;
        }
        let uki = result.join(format!("{}.efi", self.built.base));
        fs::write(&uki, &kernel).with_context(|| format!("writing {}", uki.display()))?;
        partition::sign(self, &result.join(format!("{}.raw", self.built.base)), &kernel)?;
        let names = self.built.names();
        output::checksums(result, &names)?;
        Ok(names)
    }
}

/// Where systemd-boot-update.service takes the boot loader from, which is not part of NixOS.
const LOADERS: &str = "/lib/systemd/boot/efi";

/// What is in /usr can't be signed any more: the root hash is that of each of its blocks.
fn refuse_loader(usr: &Usr, result: &Path) -> Result<()> {
    if usr.has(LOADERS)? {
        bail!(
            "signing the image in {}: /usr{LOADERS} has a boot loader that is not signed, which the machine would put in the place of \
             the signed one: build the image with `pattern build --keys`",
            result.display()
        );
    }
    Ok(())
}

/// Reads what the image itself says. It was made by programs that checked it.
fn configuration(usr: &Usr, result: &Path) -> Result<Config> {
    let reading = || format!("signing the image in {}", result.display());
    let text = usr.file(CONFIG)?;
    let text = text.with_context(|| format!("/usr{CONFIG} is missing in it")).with_context(reading)?;
    match config::parse(CONFIG, &text) {
        Ok(config) => Ok(config),
        Err(findings) => {
            findings.iter().for_each(screen::warn);
            bail!("{}: its configuration has the errors above", reading())
        }
    }
}

fn keys(options: &SignImage, config: &Config) -> Result<Keys> {
    let pcr = Pcr::of(config.debug, false, config.image.epoch);
    let pubring = &config.image.updates.pubring;
    Keys::find(&options.keys, pcr, pubring::name(pubring).unwrap_or(&config.image.id))
}

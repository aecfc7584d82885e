//! `pattern build`: makes a base image and the files for updates from a folder with `pattern.toml`.

mod data;
mod date;
mod keys;
mod mkosi;
mod output;
mod progress;
mod room;
mod sbom;
mod tree;
mod users;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use pattern::config::{self, Config};
use pattern::table::base;

use crate::check::print_notes;
use crate::host::pubring::Pubring;
use data::Data;
use date::Date;
use keys::Keys;
use mkosi::Places;

/// Options of `build`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Build {
    /// Has `pattern.toml` and the image's own mkosi configuration.
    pub folder: PathBuf,
    /// The keys for kernel image and boot loader. Without keys nothing is signed.
    pub keys: Option<PathBuf>,
    /// Sign an image with `debug = true` with the key of images with `debug = false`.
    pub debug_as_production: bool,
    /// The folder for images.
    pub output: PathBuf,
    /// The folder of the tools tree.
    pub tools: PathBuf,
    /// The files that this program was installed with, if they are not beside it.
    pub data: Option<PathBuf>,
}

/// Builds the image, and prints where it is.
///
/// # Errors
/// When `pattern.toml` has mistakes (all are printed), something is missing, or mkosi fails.
pub fn build(options: &Build) -> Result<()> {
    let file = options.folder.join("pattern.toml");
    let config = read(&file)?;
    print_notes(&file, &config);
    let data = Data::find(options.data.as_deref())?;
    let keys = signing(options, &config)?;
    let base = format!("{}_{}", config.image.id, config.image.version);
    let places = places(options, &data, &config, &base, Date::find(&file)?)?;
    prepare(&places, &data, &config, &file)?;
    println!("Logs: {}/*.log", places.work.display());
    progress::run("tools tree", &mut tools(&data, &places), &places.work.join("tools.log"))?;
    let pubring = file.with_file_name(&config.image.updates.pubring);
    let trusted = Pubring::read(&pubring, &options.tools)?.keys.join(", ");
    println!("Updates are verified with {}: {trusted}", pubring.display());
    progress::run("initrd", &mut mkosi::initrd(&places, &config), &places.work.join("initrd.log"))?;
    let joined = keys.as_ref().map(|keys| keys.joined(&places.work)).transpose()?;
    progress::run(
        "image",
        &mut mkosi::image(&places, &config, keys.as_ref().zip(joined.as_ref())),
        &places.work.join("image.log"),
    )?;
    drop(joined);
    room::check(config.partitions.sizes.esp, output::kernel_image(&base, &places.made())?)?;
    users::keep(&places.made(), &places.folder)?;
    let to = options.output.join(&base);
    let mut names = output::collect(&base, &places.made(), &to)?;
    names.push(output::keep_pubring(&base, &pubring, &to)?);
    names.push(sbom::write(&places, &data, &to)?);
    output::checksums(&to, &names)?;
    names.iter().for_each(|name| println!("{}", to.join(name).display()));
    Ok(())
}

/// Returns the keys that sign the image. Prints a warning if an image with a shell is signed with
/// the key of images with `debug = false`.
fn signing(options: &Build, config: &Config) -> Result<Option<Keys>> {
    let Some(folder) = &options.keys else { return Ok(None) };
    let pcr = keys::Pcr::of(config.debug, options.debug_as_production, config.image.epoch);
    if config.debug && pcr != keys::Pcr::Debug {
        eprintln!("{}", keys::DEBUG_AS_PRODUCTION);
    }
    Keys::find(folder, pcr).map(Some)
}

fn read(file: &Path) -> Result<Config> {
    let name = file.display().to_string();
    let text = fs::read_to_string(file).with_context(|| format!("reading {name}"))?;
    config::parse(&name, &text).or_else(|problems| {
        problems.iter().for_each(|problem| eprintln!("{problem}"));
        bail!("reading {name}: problems found: {}", problems.len())
    })
}

fn places(options: &Build, data: &Data, config: &Config, base: &str, date: Date) -> Result<Places> {
    let work = options.output.join(".work").join(base);
    if work.exists() {
        fs::remove_dir_all(&work).with_context(|| format!("removing {}", work.display()))?;
    }
    let cache = options.output.join(".cache");
    Ok(Places {
        base: base.to_owned(),
        date,
        folder: made(&options.folder)?,
        mkosi: data.mkosi(),
        tools: made(&options.tools)?,
        initrd_cache: made(&cache.join("initrd"))?,
        image_cache: made(&cache.join(&config.image.id))?,
        work: made(&work)?,
    })
}

/// Returns a folder's absolute path. Makes the folder if it does not exist.
fn made(folder: &Path) -> Result<PathBuf> {
    let creating = || format!("creating {}", folder.display());
    fs::create_dir_all(folder).with_context(creating)?;
    folder.canonicalize().with_context(creating)
}

/// Writes the files that mkosi reads.
fn prepare(places: &Places, data: &Data, config: &Config, file: &Path) -> Result<()> {
    tree::write(&places.tree(), data, file, config)?;
    users::give(&places.folder, &made(&places.image_tree())?)?;
    for tree in [places.tree(), places.image_tree()] {
        tree::set_modes(&tree)?;
    }
    let repart = made(&places.repart())?;
    for (name, text) in base::definitions(config) {
        let path = repart.join(name);
        fs::write(&path, text).with_context(|| format!("writing {}", path.display()))?;
    }
    made(&places.made())?;
    Ok(())
}

fn tools(data: &Data, places: &Places) -> Command {
    let mut command = Command::new(data.tools());
    command.arg(&places.tools);
    command
}

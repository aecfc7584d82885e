//! `pattern build`: makes a base image and the files for updates from a folder with `pattern.toml`.

pub(crate) mod claim;
mod data;
pub(crate) mod date;
mod debian;
pub(crate) mod exchange;
pub(crate) mod keys;
mod mkosi;
pub(crate) mod output;
pub(crate) mod pairs;
pub(crate) mod place;
mod progress;
pub(crate) mod room;
mod sbom;
mod summary;
mod tree;
mod users;
pub(crate) mod writable;

use std::fs;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use clap::{Args, ValueHint};
use pattern::config::{Config, SecureBoot};
use pattern::table::base;
use serde_json::json;

use crate::check::{self, Checked};
use crate::host::pubring::{self, Pubring};
use crate::host::results;
use crate::host::screen::{self, Screen};
use crate::host::signals;
use crate::host::tools::Source;
use crate::host::tree::{CACHE, Tools, Tree};
use data::Data;
use date::Date;
use debian::Debian;
use keys::Keys;
use mkosi::Places;
use summary::Summary;

/// Options of `build`.
#[derive(Args, Clone, PartialEq, Eq, Debug)]
pub struct Build {
    /// The folder with pattern.toml and the image's mkosi configuration
    #[arg(value_name = "DIR", default_value = ".", value_hint = ValueHint::DirPath)]
    pub folder: PathBuf,
    /// Sign PCR 11, kernel image and boot loader with these keys: gen-keyring's NAME-keys
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub keys: Option<PathBuf>,
    /// Sign PCR 11 of an image with debug = true with the key of images for use: it opens their
    /// volumes and gives root a shell
    #[arg(long = "sign-debug-as-production", requires = "keys")]
    pub debug_as_production: bool,
    /// Replace a version that was built already
    #[arg(long)]
    pub force: bool,
    /// Where images go
    #[arg(long, value_name = "DIR", default_value = "build/images", value_hint = ValueHint::DirPath)]
    pub output: PathBuf,
    /// Where the tools tree is kept
    #[arg(long, value_name = "DIR", default_value = CACHE, value_hint = ValueHint::DirPath)]
    pub tools: Tools,
    /// The files this program was installed with
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub data: Option<PathBuf>,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

/// Builds the image, and prints where it is.
///
/// # Errors
/// When `config check` finds an error (all are printed), something is missing, or mkosi fails.
pub fn build(options: &Build, screen: Screen) -> Result<()> {
    let options = &Build { folder: check::folder_of("building from", &options.folder)?, ..options.clone() };
    let file = options.folder.join("pattern.toml");
    let config = read(&file, screen)?;
    let data = Data::find(options.data.as_deref())?;
    let keys = signing(options, &config, screen)?;
    let checked = keys.as_ref().map_or(Ok(true), |keys| pairs::check(keys, &options.tools))?;
    let base = format!("{}_{}", config.image.id, config.image.version);
    place::refuse_other(options)?;
    let to = options.output.join(&base);
    signals::catch()?;
    // What is refused leaves no folder.
    writable::check(&base, &options.folder, &options.output, &to)?;
    output::refuse_to_replace(&base, &to, options.force)?;
    let _version = claim::version(&options.output.join(".work").join(&base))?;
    // Another build may have finished meanwhile.
    output::refuse_to_replace(&base, &to, options.force)?;
    let places = places(options, &data, &config, &base, Date::find(&file)?)?;
    prepare(&places, &data, &config, &file)?;
    screen.say(format_args!("Logs: {}/*.log", places.work.display()));
    let step = |what: &str, log: &str, kept: &Path, command: &mut Command| {
        // No other build uses what the step keeps.
        let _claim = claim::shared(kept)?;
        progress::run(screen, what, command, &places.work.join(log))
    };
    step("tools tree", "tools.log", &places.tools, &mut tools(&data, &places))?;
    let _tree = Tree::hold(&places.tools)?;
    let pubring = file.with_file_name(&config.image.updates.pubring);
    let trusted = Pubring::read(&pubring, &options.tools)?;
    screen.say(format_args!("Updates are verified with {}: {}", pubring.display(), trusted.keys.join(", ")));
    if let Some(keys) = keys.as_ref().filter(|_| !checked) {
        pairs::check(keys, &options.tools)?;
    }
    let foreign = keys.as_ref().and_then(|keys| pairs::warning(keys, &trusted, &pubring, &options.tools));
    foreign.iter().for_each(screen::warn);
    let summary = Summary::of(&mut mkosi::summary(&places, &config))?;
    summary.refuse_secrets(&options.folder, screen)?;
    let debian = Debian::of(&summary, &places.tools, &places.work)?;
    step("initrd", "initrd.log", &places.initrd_cache, &mut mkosi::initrd(&places, &config, &debian))?;
    let joined = keys.as_ref().map(|keys| keys.joined(&places.work)).transpose()?;
    let mut image = mkosi::image(&places, &config, &debian, keys.as_ref().zip(joined.as_ref()));
    step("image", "image.log", &places.image_cache, &mut image)?;
    drop(joined);
    room::check(config.partitions.sizes.esp, output::kernel_image(&base, &places.made())?)?;
    users::keep(&places.made(), &places.folder, screen)?;
    let names = finish(&places, &data, &pubring)?;
    exchange::into_place(&base, &places.result(), &to)?;
    print_made(options.json, &base, &to, &names)
}

/// Makes the whole result beside the place that it is for, so that an earlier one stays until then. Returns the names.
fn finish(places: &Places, data: &Data, pubring: &Path) -> Result<Vec<String>> {
    let (base, result) = (&places.base, made(&places.result())?);
    let mut names = output::collect(base, &places.made(), &result)?;
    names.push(output::keep_pubring(base, pubring, &result)?);
    names.push(sbom::write(places, data, &result)?);
    let packages = output::keep_manifest(base, &places.made(), &result)?;
    output::checksums(&result, &names)?;
    names.extend(packages);
    Ok(names)
}

/// Prints what was made.
pub(crate) fn print_made(json: bool, base: &str, to: &Path, names: &[String]) -> Result<()> {
    let files: Vec<String> = names.iter().map(|name| to.join(name).display().to_string()).collect();
    if !json {
        return results::list(files);
    }
    let image = to.join(format!("{base}.raw")).display().to_string();
    results::json(&json!({ "result": to.display().to_string(), "image": image, "files": files }))
}

/// An image by this build needs Secure Boot for its volume.
const UNSIGNED: &str = "Nothing is signed, because --keys names no keys: with Secure Boot on, firmware does not start the image, and \
    with Secure Boot off, the image makes no volume (volume.secure_boot in pattern.toml(5))";

/// Returns the keys that sign the image. Prints a warning if an image with a shell is signed with
/// the key of images with `debug = false`.
fn signing(options: &Build, config: &Config, screen: Screen) -> Result<Option<Keys>> {
    let Some(folder) = &options.keys else {
        if config.secure_boot() == SecureBoot::Required {
            screen.say(UNSIGNED);
        }
        return Ok(None);
    };
    let pcr = keys::Pcr::of(config.debug, options.debug_as_production, config.image.epoch);
    if config.debug && pcr != keys::Pcr::Debug {
        screen::warn(keys::DEBUG_AS_PRODUCTION);
    }
    let pubring = &config.image.updates.pubring;
    Keys::find(folder, pcr, pubring::name(pubring).unwrap_or(&config.image.id)).map(Some)
}

/// Reads the configuration, and prints what `config check` would say.
fn read(file: &Path, screen: Screen) -> Result<Config> {
    let Checked { config, findings } = check::look(file);
    for finding in &findings {
        if check::is_error(finding) { screen::warn(finding) } else { screen.say(format_args!("{finding}")) }
    }
    config.with_context(|| format!("building from {}: correct the errors above first", file.display()))
}

fn places(options: &Build, data: &Data, config: &Config, base: &str, date: Date) -> Result<Places> {
    let work = options.output.join(".work").join(base);
    claim::empty(&work)?;
    let cache = options.output.join(".cache");
    Ok(Places {
        base: base.to_owned(),
        date,
        folder: made(&options.folder)?,
        mkosi: data.mkosi(),
        tools: options.tools.made()?,
        initrd_cache: made(&cache.join("initrd"))?,
        image_cache: made(&cache.join(&config.image.id))?,
        work: made(&work)?,
    })
}

/// Returns a folder's absolute path. Makes the folder if it does not exist.
pub(crate) fn made(folder: &Path) -> Result<PathBuf> {
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
    let mut command = Source::Host.command(data.tools());
    // A signal from the terminal reaches it once, through this process, as any other signal does.
    command.arg(&places.tools).process_group(0);
    command
}

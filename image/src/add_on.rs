//! `pattern addon`: makes an add-on for the kernel images of a system, which gives one machine words for its kernel command line
//! (UAPI.5, "PE Addons"; systemd-stub(7)).

mod made;
mod name;
mod place;
mod words;

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use clap::{Args, ValueHint};
use pattern::config::Config;
use serde_json::json;

use crate::build::date::Date;
use crate::build::keys::SecureBoot;
use crate::build::pairs;
use crate::check;
use crate::efi::Programs;
use crate::host::pubring;
use crate::host::screen::{self, Screen};
use crate::host::tree::{CACHE, Tools};
use crate::host::word::word;
use crate::host::{results, signals};

/// Options of `addon`.
#[derive(Args, Clone, PartialEq, Eq, Debug)]
pub struct AddOn {
    /// The folder with the image's pattern.toml
    #[arg(value_name = "FOLDER", value_hint = ValueHint::DirPath)]
    pub folder: PathBuf,
    /// Words for the kernel command line of the machine, such as console=ttyS1
    #[arg(value_name = "WORD", required = true, value_hint = ValueHint::Other)]
    pub words: Vec<String>,
    /// Sign the add-on with the key of Secure Boot in gen-keyring's NAME-keys
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub keys: Option<PathBuf>,
    /// Replace an add-on that is there already
    #[arg(long)]
    pub force: bool,
    /// The file to write, whose name ends in .addon.efi; default: ID.addon.efi
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub output: Option<PathBuf>,
    /// Where the tools tree is kept
    #[arg(long, value_name = "DIR", default_value = CACHE, value_hint = ValueHint::DirPath)]
    pub tools: Tools,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

/// Makes the add-on, and says what to do with it.
///
/// # Errors
/// When the image does not allow a word, the file can't have this name or place, a key is missing, or a program fails. Nothing is
/// left then.
pub fn make(options: &AddOn, screen: Screen) -> Result<()> {
    let (file, config) = image(&options.folder)?;
    let line = words::line(&options.words)?;
    if !config.debug {
        words::refuse_unlisted(&line, &config.boot.add_on_words, &file)?;
    }
    let output = options.output.clone().unwrap_or_else(|| name::of(&config.image.id));
    name::check(&output, &config.image.id)?;
    place::check(&output, options.force)?;
    let keys = options.keys.as_ref().map(|folder| {
        let name = pubring::name(&config.image.updates.pubring).unwrap_or(&config.image.id);
        SecureBoot::find(folder, name)
    });
    let keys = keys.transpose()?;
    signals::catch()?;
    let programs = Programs::find("making an add-on", &options.tools)?;
    if let Some(keys) = &keys {
        pairs::check_secure_boot(keys, &options.tools)?;
    }
    let made = made::make(&programs, &line, keys.as_ref(), Date::find(&file)?)?;
    place::write(&output, &made, options.force)?;
    explain(&config, &output, keys.is_some(), screen);
    print(options, &output)
}

/// Reads the configuration of an image, and prints what is wrong in it.
fn image(folder: &Path) -> Result<(PathBuf, Config)> {
    if folder.symlink_metadata().is_err() {
        bail!(
            "making an add-on: the folder {} does not exist: name the image's folder, and the words behind it: pattern addon \
             FOLDER WORD",
            folder.display()
        );
    }
    let file = check::folder_of("making an add-on for", folder)?.join("pattern.toml");
    match check::read(&file) {
        Ok((config, _)) => Ok((file, config)),
        Err(findings) => {
            findings.iter().for_each(screen::warn);
            bail!("making an add-on for {}: correct the errors above first", file.display())
        }
    }
}

/// Firmware does not start an add-on that nobody signed, and systemd-stub goes on without it.
const UNSIGNED: &str = "The add-on is not signed, because --keys names no keys: with Secure Boot on, a machine starts without it";
const ANNOUNCE: &str = "pattern rebind --ahead --additions";

fn explain(config: &Config, output: &Path, signed: bool, screen: Screen) {
    match (signed, config.debug) {
        (true, _) => {}
        (false, true) => screen.say(UNSIGNED),
        (false, false) => screen.say(format_args!("{UNSIGNED}, and `{ANNOUNCE}` refuses it")),
    }
    let name = word(Path::new(output.file_name().unwrap_or_default()));
    screen.say(format_args!(
        "Copy {name} to the machine, and there, as root: mkdir -p {FOLDER} && cp {name} {FOLDER}"
    ));
    if config.debug {
        screen.say("The image has debug = true: its volume opens with any words");
    } else if signed {
        screen.say(format_args!("Then, before the restart: {ANNOUNCE}"));
    }
}

/// On the EFI system partition, as systemd mounts it in an image. From there all versions take an add-on.
const FOLDER: &str = "/boot/loader/addons";

fn print(options: &AddOn, output: &Path) -> Result<()> {
    let path = output.display().to_string();
    if !options.json {
        return results::list([path]);
    }
    results::json(&json!({ "addon": path, "words": options.words, "signed": options.keys.is_some() }))
}

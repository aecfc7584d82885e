//! `pattern gen-keyring`: makes the keys of one system's publisher.

mod addition;
mod openssl;
mod places;

use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::{Args, ValueHint};
use pattern::config::epoch::HIGHEST;
use serde_json::json;

use crate::host::durable;
use crate::host::full;
use crate::host::gpg;
use crate::host::results;
use crate::host::screen::Screen;
use crate::host::signals;
use crate::host::tree::{CACHE, Tools};
pub(crate) use places::NAME_MAX;
use places::Places;

/// Options of `gen-keyring`.
#[derive(Args, Clone, PartialEq, Eq, Debug)]
pub struct GenKeyring {
    /// Its last part names the keys, and the rest is the folder for them
    #[arg(value_name = "NAME", value_hint = ValueHint::AnyPath)]
    pub name: PathBuf,
    /// Add what a keyring of an older version lacks, or a lost public key, and change nothing else
    #[arg(long, conflicts_with = "epoch")]
    pub add_missing: bool,
    /// Add the key of images with image.epoch = N to a keyring, and change nothing else
    #[arg(long, value_name = "N", value_hint = ValueHint::Other, value_parser = number_of_epoch)]
    #[arg(allow_hyphen_values = true)]
    pub epoch: Option<u32>,
    /// The tools tree with gpg and openssl, for a host that has none
    #[arg(long, value_name = "DIR", default_value = CACHE, value_hint = ValueHint::DirPath)]
    pub tools: Tools,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

fn number_of_epoch(text: &str) -> Result<u32, String> {
    let epoch = text.parse().ok().filter(|epoch| (1..=HIGHEST).contains(epoch));
    epoch.ok_or_else(|| format!("must be a number from 1 to {HIGHEST}"))
}

/// Makes the keys, and prints what each is for.
///
/// # Errors
/// When one of the parts already exists, a program is missing, or one fails. Nothing is left then.
pub fn generate(options: &GenKeyring, screen: Screen) -> Result<()> {
    signals::catch()?;
    if options.add_missing || options.epoch.is_some() {
        let places = Places::new(&options.name)?;
        places.refuse_unfit("adding to", "move the keyring to another place first")?;
        let _lock = places.lock()?;
        return addition::add(&places, options, screen);
    }
    let [gpg, keys, pubring] = new(&options.name, &options.tools, screen)?;
    let [pubring, gpg, keys] = [pubring, gpg, keys].map(|path| path.display().to_string());
    if options.json {
        return results::json(&json!({ "pubring": pubring, "gpg": gpg, "keys": keys }));
    }
    results::list([pubring, gpg, keys])
}

/// Makes the keys, and says what each is for. Returns where its parts are.
fn new(name: &Path, tools: &Tools, screen: Screen) -> Result<[PathBuf; 3]> {
    let places = Places::new(name)?;
    places.refuse_unfit("making", "choose another place")?;
    let _lock = places.lock()?;
    new_where_locked(name, tools, screen)
}

/// Does the same in a folder that the caller keeps others out of.
///
/// # Errors
/// As [`generate`].
pub(crate) fn new_where_locked(name: &Path, tools: &Tools, screen: Screen) -> Result<[PathBuf; 3]> {
    let places = Places::new(name)?;
    if places.only_moves_are_missing() {
        screen.say(format_args!("Finishing what an interrupted run left in {}", places.staging.display()));
    } else {
        places.clear()?;
        places.refuse_incomplete()?;
        places.refuse_to_overwrite()?;
        make(&places, tools).map_err(|error| {
            // What was made is part of what fills a disk.
            let error = full::explain(&places.staging, error);
            // The first failure is the one that is reported.
            places.clear().ok();
            error
        })?;
    }
    places.publish()?;
    screen.write(report(&places));
    parts(name)
}

/// Makes everything in the staging folder. The public key gets its name last, which says that the
/// rest exists.
fn make(places: &Places, tools: &Tools) -> Result<()> {
    durable::private_folder(&places.staging)?;
    let keys = places.staged(&places.keys());
    durable::private_folder(&keys)?;
    openssl::keys(&keys, &places.name, tools)?;
    let unnamed = places.staging.join("pubring.part");
    gnupg(places, tools, &unnamed)?;
    durable::sync_tree(&places.staging)?;
    durable::rename(&unnamed, &places.staged(&places.pubring()))
}

/// Makes the GnuPG home, and leaves no daemon and no socket.
fn gnupg(places: &Places, tools: &Tools, pubring: &Path) -> Result<()> {
    let folder = places.staged(&places.gpg());
    durable::private_folder(&folder)?;
    let home = gpg::Home::open(&folder, tools)?;
    home.generate(&places.name)?;
    home.export(pubring, None)?;
    durable::mode(pubring, 0o644)
}

/// Returns where the parts of a keyring of this name are, or would be made.
///
/// # Errors
/// When the last part of the path can't be the name of a key.
pub(crate) fn parts(name: &Path) -> Result<[PathBuf; 3]> {
    let places = Places::new(name)?;
    Ok([places.gpg(), places.keys(), places.pubring()].map(|part| places.folder.join(part)))
}

/// Returns whether a keyring of this name exists, in part or in whole, or is being made.
pub(crate) fn is_begun(name: &Path) -> bool {
    let is_there = |path: &Path| path.symlink_metadata().is_ok();
    Places::new(name).is_ok_and(|places| is_there(&places.staging))
        || parts(name).is_ok_and(|parts| parts.iter().any(|part| is_there(part)))
}

/// Says what each part is for.
fn report(places: &Places) -> String {
    let (pubring, gpg, keys) = (places.pubring(), places.gpg(), places.keys());
    format!(
        "{pubring} is public: updates are verified with it. Put it beside pattern.toml, as image.updates.pubring.\n\
         {gpg} is SECRET: it signs releases, as GPGHOME of `pattern sign-release`.\n\
         {keys} is SECRET: pcr-*.pem sign PCR policies (pcr-debug-*.pem of images with debug = true), and\n\
         secure-boot.* sign what the firmware starts.\n\
         Keep what is SECRET to yourself, and back it up: a system takes updates from its own keyring only.\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_part_is_explained() {
        let text = report(&Places::new(Path::new("demo/x")).unwrap());
        let lines = text.lines().collect::<Vec<_>>();
        assert!(lines[0].starts_with("x-pubring.pgp is public: "), "{text}");
        assert!(lines[1].starts_with("x-gpg is SECRET: "), "{text}");
        assert!(lines[2].starts_with("x-keys is SECRET: "), "{text}");
        assert!(lines[2].contains("pcr-debug-*.pem of images with debug = true"), "{text}");
        assert!(lines[4].contains("back it up"), "{text}");
    }

    #[test]
    fn an_epoch_is_a_number_above_zero() {
        assert_eq!(number_of_epoch("2"), Ok(2));
        for wrong in ["0", "-1", "x", "2147483648"] {
            let error = number_of_epoch(wrong).unwrap_err();
            assert_eq!(error, "must be a number from 1 to 2147483647", "{wrong}");
        }
    }
}

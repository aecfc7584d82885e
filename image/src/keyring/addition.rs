//! Adds to a keyring that exists: what an older version of this tool did not make, the key of an epoch, and a
//! public key that is lost.

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use pattern::config::epoch::private_key;
use serde_json::json;

use super::places::Places;
use super::{GenKeyring, openssl};
use crate::host::screen::{self, Screen};
use crate::host::tree::Tools;
use crate::host::word::word;
use crate::host::{durable, full, gpg, results, temporary};

/// Adds what the options ask for, says what it is, and prints where it is.
pub(super) fn add(places: &Places, options: &GenKeyring, screen: Screen) -> Result<()> {
    let keys = places.folder.join(places.keys());
    refuse_lost_keys(places, options, &keys)?;
    let added = match options.epoch {
        Some(epoch) => openssl::epoch(&keys, epoch, &options.tools),
        None => openssl::missing(&keys, &options.tools),
    };
    let added = added.map_err(|error| full::explain(&keys, error))?;
    let mut added: Vec<PathBuf> = added.iter().map(|name| keys.join(name)).collect();
    let of_keys = !added.is_empty();
    let exported = if options.epoch.is_none() { export(places, &options.tools, screen)? } else { None };
    [places.gpg(), places.pubring()].iter().for_each(|part| warn_of_missing(&places.folder.join(part)));
    added.extend(exported);
    if of_keys || added.is_empty() {
        screen.say(report(&keys.display().to_string(), options.epoch, !of_keys));
    }
    let added: Vec<String> = added.iter().map(|path| path.display().to_string()).collect();
    if options.json {
        results::json(&json!({ "keys": keys.display().to_string(), "added": added }))
    } else {
        results::list(added)
    }
}

/// New keys in the place of lost ones would open no volume.
fn refuse_lost_keys(places: &Places, options: &GenKeyring, keys: &Path) -> Result<()> {
    if keys.is_dir() {
        return Ok(());
    }
    places.refuse_incomplete()?;
    let (name, keys) = (options.name.display(), keys.display());
    bail!(
        "adding to the keyring {name}: the folder {keys} does not exist; if there was one, restore it from your backup: no \
         other keys open volumes and sign for machines of this keyring; only for a new system: `pattern gen-keyring {}`, \
         without --add-missing or --epoch, makes a new keyring",
        word(&options.name)
    );
}

/// Writes a lost public key again, from the secret one. Returns its path if it was lost.
fn export(places: &Places, tools: &Tools, screen: Screen) -> Result<Option<PathBuf>> {
    let (home, pubring) = (places.folder.join(places.gpg()), places.folder.join(places.pubring()));
    if pubring.symlink_metadata().is_ok() || !gpg::is_home(&home) {
        return Ok(None);
    }
    write(&home, &pubring, tools).map_err(|error| full::explain(&home, error))?;
    let (home, shown) = (home.display(), pubring.display());
    screen.say(format_args!("{shown} was missing, and is the public key of {home} again."));
    Ok(Some(pubring))
}

/// The file gets its name when it is complete. The home may know other people's keys, which sign no update.
fn write(home: &Path, pubring: &Path, tools: &Tools) -> Result<()> {
    let home = gpg::Home::of_key(home, tools)?;
    let key = home.key()?;
    let folder = temporary::folder_in(&durable::parent(pubring))?;
    let file = folder.path().join("pubring");
    home.export(&file, Some(&key))?;
    durable::mode(&file, 0o644)?;
    durable::sync(&file)?;
    durable::rename(&file, pubring)
}

fn report(folder: &str, epoch: Option<u32>, nothing: bool) -> String {
    match epoch {
        Some(epoch) if nothing => format!("{folder}: the key of epoch {epoch} is there already"),
        None if nothing => format!("{folder}: no key is missing"),
        // Machines that kept an image of the epoch have their volume bound only to its key. If it is
        // lost, they need their recovery keys.
        Some(epoch) => format!(
            "{} signs PCR policies of images with image.epoch = {epoch}. Back up {folder} again.",
            private_key(epoch)
        ),
        None => {
            format!("pcr-debug-*.pem sign PCR policies of images with debug = true. Back up {folder} again.")
        }
    }
}

/// Another machine may have it: one that signs releases, and builds no images.
fn warn_of_missing(part: &Path) {
    if !part.exists() {
        screen::warn(format_args!(
            "warning: {} is missing: restore it from your backup, unless it is on another machine",
            part.display()
        ));
    }
}

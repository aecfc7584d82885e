//! `pattern gen-keyring`: makes the keys of one system's publisher.

mod openssl;
mod places;

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use pattern::config::epoch::private_key;

use crate::host::durable;
use crate::host::gpg;
use places::Places;

/// Options of `gen-keyring`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct GenKeyring {
    /// The last part names the keys, and the rest is the folder for them.
    pub name: PathBuf,
    /// Add missing keys to an existing keyring.
    pub add_missing: bool,
    /// Add the key of this epoch to an existing keyring.
    pub epoch: Option<u32>,
    /// The tools tree.
    pub tools: PathBuf,
}

/// Makes the keys, and prints what each is for.
///
/// # Errors
/// When one of the parts already exists, a program is missing, or one fails. Nothing is left then.
pub fn generate(options: &GenKeyring) -> Result<()> {
    let places = Places::new(&options.name)?;
    let _lock = durable::lock(&places.folder)?;
    if options.add_missing || options.epoch.is_some() {
        return add(&places, options);
    }
    if places.only_moves_are_missing() {
        println!("Finishing what an interrupted run left in {}", places.staging.display());
    } else {
        places.clear()?;
        places.refuse_to_overwrite()?;
        make(&places, options).inspect_err(|_| {
            // The first failure is the one that is reported.
            places.clear().ok();
        })?;
    }
    places.publish()?;
    print!("{}", report(&places));
    Ok(())
}

/// Adds the key of an epoch, or the keys that newer versions of this tool make and an older keyring
/// lacks.
fn add(places: &Places, options: &GenKeyring) -> Result<()> {
    let keys = places.folder.join(places.keys());
    if !keys.is_dir() {
        let (name, keys) = (options.name.display(), keys.display());
        bail!(
            "adding to the keyring {name}: the folder {keys} does not exist; `pattern gen-keyring {name}`, without \
             --add-missing or --epoch, makes a new keyring"
        );
    }
    if let Some(epoch) = options.epoch {
        return add_epoch(&keys, epoch, options);
    }
    let added = openssl::missing(&keys, &options.tools)?;
    if added.is_empty() {
        println!("{}: no key is missing", keys.display());
        return Ok(());
    }
    added.iter().for_each(|name| println!("{}  added", keys.join(name).display()));
    println!(
        "pcr-debug-*.pem sign PCR policies of images with debug = true. Back up {} again.",
        keys.display()
    );
    Ok(())
}

/// Adds the key of an epoch. Machines that kept an image of the epoch have their volume bound only
/// to its key. If it is lost, they need their recovery keys.
fn add_epoch(keys: &Path, epoch: u32, options: &GenKeyring) -> Result<()> {
    let added = openssl::epoch(keys, epoch, &options.tools)?;
    if added.is_empty() {
        println!("{}: the key of epoch {epoch} is there already", keys.display());
        return Ok(());
    }
    added.iter().for_each(|name| println!("{}  added", keys.join(name).display()));
    println!(
        "{} signs PCR policies of images with image.epoch = {epoch}. Back up {} again.",
        private_key(epoch),
        keys.display()
    );
    Ok(())
}

/// Makes everything in the staging folder. The public key gets its name last, which says that the
/// rest exists.
fn make(places: &Places, options: &GenKeyring) -> Result<()> {
    durable::private_folder(&places.staging)?;
    let keys = places.staged(&places.keys());
    durable::private_folder(&keys)?;
    openssl::keys(&keys, &places.name, &options.tools)?;
    let unnamed = places.staging.join("pubring.part");
    gnupg(places, options, &unnamed)?;
    durable::sync_tree(&places.staging)?;
    durable::rename(&unnamed, &places.staged(&places.pubring()))
}

/// Makes the GnuPG home, and leaves no daemon and no socket.
fn gnupg(places: &Places, options: &GenKeyring, pubring: &Path) -> Result<()> {
    let folder = places.staged(&places.gpg());
    durable::private_folder(&folder)?;
    let home = gpg::Home::open(&folder, &options.tools)?;
    home.generate(&places.name)?;
    home.export(pubring)?;
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

fn report(places: &Places) -> String {
    let path = |part: String| places.folder.join(part).display().to_string();
    let (gpg, pubring, keys) = (path(places.gpg()), path(places.pubring()), path(places.keys()));
    let (width, none) = (pubring.len(), "");
    format!(
        "{pubring}  public: what updates are verified with; beside pattern.toml, as image.updates.pubring\n\
         {gpg:width$}  SECRET: signs releases, as GPGHOME of `pattern sign-release`\n\
         {keys:width$}  SECRET: pcr-*.pem sign PCR policies (pcr-debug-*.pem of images with debug = true),\n\
         {none:width$}          secure-boot.* sign what the firmware starts\n\
         Keep the SECRET ones to yourself, and back them up: a system takes updates from its own keyring only.\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_part_is_explained() {
        let text = report(&Places::new(Path::new("demo/x")).unwrap());
        let lines = text.lines().collect::<Vec<_>>();
        assert!(lines[0].starts_with("demo/x-pubring.pgp  public: "), "{text}");
        assert!(lines[1].starts_with("demo/x-gpg          SECRET: "), "{text}");
        assert!(lines[2].starts_with("demo/x-keys         SECRET: "), "{text}");
        assert!(lines[2].contains("pcr-debug-*.pem of images with debug = true"), "{text}");
        assert!(lines[4].contains("back them up"), "{text}");
    }

    #[test]
    fn paths_are_shown_as_they_were_given() {
        assert!(report(&Places::new(Path::new("x")).unwrap()).starts_with("x-pubring.pgp "));
    }
}

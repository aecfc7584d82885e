//! `pattern sign-release`: adds the output of `pattern build` to a folder that systems update from.

mod addition;
mod built;
mod compression;
mod delta;
mod folder;
pub(crate) mod image;
pub(crate) mod manifest;
pub(crate) mod name;
mod place;
mod readable;
pub(crate) mod sum;
pub(crate) mod unfinished;
pub(crate) mod usr;

use std::path::PathBuf;

use anyhow::{Result, bail};
use clap::{Args, ValueHint};
use serde_json::json;

use crate::host::full;
use crate::host::gpg::{self, Home};
use crate::host::results;
use crate::host::screen::{self, Screen};
use crate::host::signals;
use crate::host::tree::{CACHE, Tools};
use crate::host::word::word;
use addition::Addition;
pub(crate) use built::{Built, PUBRING};
pub use compression::Compression;
pub(crate) use compression::{Codec, copy};
use delta::Deltas;
use folder::Folder;
pub(crate) use folder::SIGNATURE;
pub(crate) use manifest::MANIFEST;
pub(crate) use name::{Kind, SBOM};
pub(crate) use place::is_result;

/// The end of the name of mkosi's list of packages. It is not published.
pub(crate) const PACKAGES: &str = ".manifest";

/// Returns whether a name is that of a file that `pattern build` or `pattern sign-release` writes.
pub(crate) fn is_built(name: &str) -> bool {
    name == MANIFEST || name.ends_with(PUBRING) || name::parse(name).is_some()
}

/// Returns whether a name is that of a file that `pattern build` writes for `ID_VERSION`.
pub(crate) fn is_file_of(base: &str, name: &str) -> bool {
    let is_part = name::parse(name).is_some_and(|name| name.base == base && name.is_built());
    let is_beside = [PUBRING, PACKAGES].iter().any(|end| name.strip_suffix(end) == Some(base));
    name == MANIFEST || is_beside || is_part
}

/// Options of `sign-release`.
#[derive(Args, Clone, PartialEq, Eq, Debug)]
pub struct SignRelease {
    /// The folder that `pattern build` wrote: build/images/ID_VERSION
    #[arg(value_name = "RESULT", value_hint = ValueHint::DirPath)]
    pub result: PathBuf,
    /// The GnuPG home with the key that signs: gen-keyring's NAME-gpg
    #[arg(value_name = "GPGHOME", value_hint = ValueHint::DirPath)]
    pub home: PathBuf,
    /// The folder that systems update from
    #[arg(long, value_name = "DIR", default_value = "pattern-release", value_hint = ValueHint::DirPath)]
    pub output: PathBuf,
    /// How partitions and image are compressed
    #[arg(long = "compress", value_name = "HOW", value_enum, default_value = "xz")]
    pub compression: Compression,
    /// From how many versions before patches are made; 0: no packed blocks either
    #[arg(long, value_name = "N", default_value_t = 2)]
    pub deltas: usize,
    /// The tools tree with gpg and xz, for a host that has none
    #[arg(long, value_name = "DIR", default_value = CACHE, value_hint = ValueHint::DirPath)]
    pub tools: Tools,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

/// Adds a version to a release, signs the release, and prints where it is.
///
/// # Errors
/// When the version or the release was changed since it was written, a program or a key is missing,
/// or one fails. The earlier release stays published then.
pub fn sign(options: &SignRelease, screen: Screen) -> Result<()> {
    if options.result.is_file() {
        bail!("{} is a file: name the folder that `pattern build` wrote it to", options.result.display());
    }
    refuse_swapped(options)?;
    place::refuse_other(&options.output)?;
    signals::catch()?;
    let home = Home::of_key(&options.home, &options.tools)?;
    let key = home.key().map_err(|error| full::explain(&options.home, error))?;
    let packed = Codec::find(options.compression, &options.tools)?;
    let plain = Codec::find(Compression::None, &options.tools)?;
    let built = Built::read(&options.result)?;
    built.check(screen)?;
    built.trusts(&key, &options.tools)?;
    home.try_out(&key).map_err(|error| full::explain(&options.home, error))?;
    let folder = Folder::open(&options.output, &home)?;
    let addition =
        Addition { base: &built.base, parts: built.parts(&packed, &plain), folder: &folder, screen };
    addition.check()?;
    if let Some(newer) = addition.newer()? {
        let (to, base) = (options.output.display(), &built.base);
        screen::warn(format_args!(
            "warning: {to} has {newer}, which is newer than {base}: machines take {newer}"
        ));
    }
    readable::warn(&options.output);
    let mut sums = addition.write()?;
    let tools = &options.tools;
    Deltas { built: &built, folder: &folder, tools, screen, from: options.deltas }.add(&mut sums)?;
    folder.publish(&sums, &key)?;
    screen.say(format_args!("Signed with key {key}: {}", options.output.display()));
    let files: Vec<String> =
        sums.keys().map(|name| options.output.join(name).display().to_string()).collect();
    if !options.json {
        return results::list(files);
    }
    let release = options.output.display().to_string();
    results::json(&json!({ "release": release, "key": key, "files": files }))
}

/// gpg would make files in what `pattern build` wrote.
fn refuse_swapped(options: &SignRelease) -> Result<()> {
    if gpg::is_home(&options.result) && options.home.join(MANIFEST).exists() {
        let [result, home] = [&options.result, &options.home].map(|path| word(path));
        bail!("RESULT and GPGHOME are swapped: pattern sign-release {home} {result}");
    }
    Ok(())
}

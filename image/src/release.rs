//! `pattern sign-release`: adds the output of `pattern build` to a folder that systems update from.

mod addition;
mod built;
mod compression;
mod folder;
mod manifest;
mod name;
mod sum;

use std::path::PathBuf;

use anyhow::Result;

use crate::host::gpg::Home;
use addition::Addition;
use built::Built;
pub(crate) use built::PUBRING;
use compression::Codec;
pub use compression::Compression;
use folder::Folder;
pub(crate) use name::SBOM;

/// Options of `sign-release`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SignRelease {
    /// The output of `build` for one version.
    pub result: PathBuf,
    /// The GnuPG home with the key.
    pub home: PathBuf,
    /// The folder that systems update from.
    pub output: PathBuf,
    /// How partitions and image are compressed.
    pub compression: Compression,
    /// The tools tree.
    pub tools: PathBuf,
}

/// Adds a version to a release, signs the release, and prints where it is.
///
/// # Errors
/// When the version or the release was changed since it was written, a program or a key is missing,
/// or one fails. The earlier release stays published then.
pub fn sign(options: &SignRelease) -> Result<()> {
    let home = Home::open(&options.home, &options.tools)?;
    let key = home.key()?;
    let packed = Codec::find(options.compression, &options.tools)?;
    let plain = Codec::find(Compression::None, &options.tools)?;
    let built = Built::read(&options.result)?;
    built.check()?;
    built.trusts(&key, &options.tools)?;
    home.try_out(&key)?;
    let folder = Folder::open(&options.output, &home)?;
    let addition = Addition { base: &built.base, parts: built.parts(&packed, &plain), folder: &folder };
    addition.check()?;
    if let Some(newer) = addition.newer()? {
        let (to, base) = (options.output.display(), &built.base);
        eprintln!("warning: {to} has {newer}, which is newer than {base}: machines take {newer}");
    }
    let sums = addition.write()?;
    folder.publish(&sums, &key)?;
    sums.keys().for_each(|name| println!("{}", options.output.join(name).display()));
    println!("Signed with key {key}: {}", options.output.display());
    Ok(())
}

//! Reads what `pattern build` wrote for one version.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use super::PACKAGES;
use super::compression::Codec;
use super::manifest::{self, MANIFEST, Sums};
use super::name::{self, Kind};
use super::sum;
use super::unfinished;
use crate::host::pubring::Pubring;
use crate::host::screen::Screen;
use crate::host::step::Step;
use crate::host::tree::Tools;

/// The end of the name of the keyring's copy. It is not published.
pub(crate) const PUBRING: &str = ".pubring.pgp";

/// The files of one version.
pub(crate) struct Built {
    folder: PathBuf,
    /// `ID_VERSION`
    pub(crate) base: String,
    /// Of the files that are published.
    sums: Sums,
    /// The name of the keyring that the image has, and its sum.
    pubring: (String, String),
}

/// One file, and what it becomes in a release.
pub(super) struct Part<'a> {
    pub(super) from: PathBuf,
    /// The SHA-256 of its content.
    pub(super) sum: String,
    /// Its name in the release.
    pub(super) name: String,
    pub(super) codec: &'a Codec,
}

impl Built {
    /// Reads the list of files.
    ///
    /// # Errors
    /// When the manifest does not name exactly the files of one version.
    pub(crate) fn read(folder: &Path) -> Result<Self> {
        unfinished::refuse(folder)?;
        let mut sums = manifest::read(folder)
            .with_context(|| format!("{} must be a folder that `pattern build` wrote", folder.display()))?;
        let again = || {
            format!("{} must name what `pattern build` wrote: build again", folder.join(MANIFEST).display())
        };
        let name = sums.keys().find(|name| name.ends_with(PUBRING)).cloned();
        let pubring = name.and_then(|name| sums.remove_entry(&name));
        let base = version(&sums).with_context(again)?;
        let pubring = pubring.filter(|(name, _)| name.strip_suffix(PUBRING) == Some(&base));
        let pubring = pubring.with_context(|| format!("{base}{PUBRING} is missing")).with_context(again)?;
        Ok(Self { folder: folder.to_owned(), base, sums, pubring })
    }

    /// Checks the files' content.
    ///
    /// # Errors
    /// When a file is missing, or was changed since the build.
    pub(crate) fn check(&self, screen: Screen) -> Result<()> {
        let step = Step::new(screen, self.folder.display().to_string());
        let (pubring, its_sum) = &self.pubring;
        for (name, wanted) in self.sums.iter().chain([(pubring, its_sum)]) {
            let file = self.folder.join(name);
            let sum = sum::of(&step, &file).context("checking what `pattern build` wrote: build again")?;
            if sum != *wanted {
                bail!("{} is not what {MANIFEST} beside it says: build again", file.display());
            }
        }
        step.end("checked");
        Ok(())
    }

    /// Returns the one file of a kind.
    ///
    /// # Errors
    /// When there is none.
    pub(crate) fn file(&self, kind: Kind) -> Result<PathBuf> {
        let name = self.sums.keys().find(|name| name::parse(name).is_some_and(|name| name.kind == kind));
        let name = name.with_context(|| format!("{} has no *{}", self.folder.display(), kind.suffix()))?;
        Ok(self.folder.join(name))
    }

    /// Returns the sum of the one file of a kind.
    pub(super) fn sum(&self, kind: Kind) -> Option<&str> {
        let name = self.sums.iter().find(|(name, _)| name::parse(name).is_some_and(|name| name.kind == kind));
        name.map(|(_, sum)| sum.as_str())
    }

    /// Returns the file of the image's keyring.
    pub(crate) fn pubring(&self) -> PathBuf {
        self.folder.join(&self.pubring.0)
    }

    /// Returns the names of all files that have a sum.
    pub(crate) fn names(&self) -> Vec<String> {
        self.sums.keys().chain([&self.pubring.0]).cloned().collect()
    }

    /// Returns all files that are there: the list of packages has no sum, and an image may have none.
    pub(crate) fn files(&self) -> Vec<PathBuf> {
        let packages = [format!("{}{PACKAGES}", self.base)];
        let paths = self.names().into_iter().chain(packages).map(|name| self.folder.join(name));
        paths.filter(|path| path.exists()).collect()
    }

    /// Checks that the image has a key. A machine that runs it could not verify what this key signs,
    /// so no later version would reach the machine.
    ///
    /// # Errors
    /// When the image does not have the key.
    pub(super) fn trusts(&self, key: &str, tools: &Tools) -> Result<()> {
        let keys = Pubring::read(&self.folder.join(&self.pubring.0), tools)?.keys;
        if !keys.iter().any(|one| one == key) {
            bail!(
                "the image {} does not have the key {key}, so its machines would take no later version of this release: \
                 sign with {}, or build with an image.updates.pubring that has both keys",
                self.base,
                keys.join(" or ")
            );
        }
        Ok(())
    }

    /// Returns the files as they are in a release.
    pub(super) fn parts<'a>(&self, packed: &'a Codec, plain: &'a Codec) -> Vec<Part<'a>> {
        let part = |(name, sum): (&String, &String)| {
            let is_packed = name::parse(name).is_some_and(|name| name.kind.is_packed());
            let codec = if is_packed { packed } else { plain };
            let (from, name) = (self.folder.join(name), format!("{name}{}", codec.suffix));
            Part { from, sum: sum.clone(), name, codec }
        };
        self.sums.iter().map(part).collect()
    }
}

/// Returns the version, if these are its files and each that is needed occurs once.
fn version(sums: &Sums) -> Result<String> {
    let mut names = Vec::new();
    for name in sums.keys() {
        match name::parse(name) {
            Some(parsed) if parsed.is_built() => names.push(parsed),
            _ => bail!("{name} is not a file of a version"),
        }
    }
    for kind in Kind::NEEDED {
        let count = names.iter().filter(|name| name.kind == kind).count();
        if count != 1 {
            bail!("{count} files end in {}, not one", kind.suffix());
        }
    }
    let base = names[0].base;
    if let Some(other) = names.iter().find(|name| name.base != base) {
        bail!("there are files of both {base} and {}", other.base);
    }
    Ok(base.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::release::compression::Compression;

    const NAMES: [&str; 4] = ["x_1.efi", "x_1.raw", "x_1_ab_9.usr.raw", "x_1_cd_9.verity.raw"];

    fn built(names: &[&str]) -> Result<Built> {
        let sums = names.iter().map(|name| ((*name).to_owned(), "sum".to_owned())).collect();
        version(&sums).map(|base| Built { folder: "built".into(), base, sums, pubring: Default::default() })
    }

    #[test]
    fn what_firmware_and_people_read_is_not_compressed() {
        let all = [&NAMES[..2], &["x_1.spdx.json"], &NAMES[2..]].concat();
        let built = built(&all).unwrap();
        assert_eq!(built.base, "x_1");
        let names = |compression| {
            let codec = |compression| Codec { suffix: Compression::suffix(compression), program: None };
            let (packed, plain) = (codec(compression), codec(Compression::None));
            built.parts(&packed, &plain).into_iter().map(|part| part.name).collect::<Vec<_>>()
        };
        assert_eq!(names(Compression::None), all);
        let compressed =
            ["x_1.efi", "x_1.raw.xz", "x_1.spdx.json", "x_1_ab_9.usr.raw.xz", "x_1_cd_9.verity.raw.xz"];
        assert_eq!(names(Compression::Xz), compressed);
    }

    #[test]
    fn a_version_is_whole_and_one() {
        let message = |names: &[&str]| built(names).err().unwrap().to_string();
        assert_eq!(message(&NAMES[..3]), "0 files end in .verity.raw, not one");
        assert_eq!(
            message(&[&NAMES[..], &["x_1_ef_9.usr.raw"]].concat()),
            "2 files end in .usr.raw, not one"
        );
        assert_eq!(
            message(&["x_2.efi", NAMES[1], NAMES[2], NAMES[3]]),
            "there are files of both x_1 and x_2"
        );
        assert_eq!(message(&["x_1.efi", "notes.txt"]), "notes.txt is not a file of a version");
        assert_eq!(
            message(&[&NAMES[..], &["x_2.spdx.json"]].concat()),
            "there are files of both x_1 and x_2"
        );
        assert_eq!(message(&["x_1.raw.xz"]), "x_1.raw.xz is not a file of a version");
        assert_eq!(message(&["x_1.usr.blocks"]), "x_1.usr.blocks is not a file of a version");
        assert_eq!(message(&[]), "0 files end in .raw, not one");
    }
}

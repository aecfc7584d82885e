//! The folder that a web server offers to systems: files, their `SHA256SUMS`, and its signature.
//!
//! At every instant all files exist that the manifest names. A file gets its name when its content
//! is on the disk. Then the manifest gets its name, and then the signature. If a run is cut off
//! between these two, the next run completes it. Until then systems refuse the manifest, and stay
//! unchanged.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use super::manifest::{self, MANIFEST, Sums};
use super::{name, readable};
use crate::host::durable;
use crate::host::full;
use crate::host::gpg::{Flaw, Home};

/// The name of the signature of a manifest.
pub(crate) const SIGNATURE: &str = "SHA256SUMS.gpg";

/// A release that is locked against other writers.
pub(super) struct Folder<'a> {
    pub(super) path: &'a Path,
    /// The signed sums.
    pub(super) sums: Sums,
    home: &'a Home,
    _lock: File,
}

impl<'a> Folder<'a> {
    /// Opens a release, or makes an empty one.
    ///
    /// # Errors
    /// When there is a manifest that no key in this GnuPG home signed, because it proves nothing.
    pub(super) fn open(path: &'a Path, home: &'a Home) -> Result<Self> {
        if !path.exists() {
            readable::make(path).map_err(|error| full::explain(path, error))?;
        }
        let mut folder = Self { path, home, sums: Sums::new(), _lock: durable::lock(path)? };
        folder.finish_interrupted()?;
        let manifest = path.join(MANIFEST);
        if manifest.exists() {
            let (adding, signature) = (format!("adding to {}", path.display()), path.join(SIGNATURE));
            if !signature.exists() {
                bail!("{adding}: {SIGNATURE} is missing: restore it from a copy");
            }
            home.verify(&manifest, &signature).map_err(|error| match why(&error) {
                Some(why) => error.context(format!("{adding}: {why}")),
                None => error.context(adding),
            })?;
            folder.sums = manifest::read(path)?;
        }
        Ok(folder)
    }

    /// Completes an interrupted run: gives its signature the final name, and removes everything
    /// else that the run left.
    fn finish_interrupted(&self) -> Result<()> {
        let (manifest, signature) = (self.path.join(MANIFEST), self.temporary(SIGNATURE));
        if signature.exists() && manifest.exists() && self.home.verify(&manifest, &signature).is_ok() {
            durable::rename(&signature, &self.path.join(SIGNATURE))?;
        }
        for file in self.names()?.iter().filter(|file| is_temporary(file)) {
            let file = self.path.join(file);
            fs::remove_file(&file).with_context(|| format!("removing {}", file.display()))?;
        }
        Ok(())
    }

    /// Returns the names of files that look like those of a release, and are not signed. Other files,
    /// such as `index.html`, are the web server's.
    pub(super) fn strangers(&self) -> Result<Vec<String>> {
        let mut names = self.names()?;
        names.retain(|name| name::parse(name).is_some() && !self.sums.contains_key(name));
        Ok(names)
    }

    fn names(&self) -> Result<Vec<String>> {
        let reading = || format!("reading {}", self.path.display());
        let names = fs::read_dir(self.path).with_context(reading)?;
        let names = names.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()));
        names.collect::<Result<_>>().with_context(reading)
    }

    /// Returns where a file is written before it gets its name.
    pub(super) fn temporary(&self, name: &str) -> PathBuf {
        self.path.join(format!(".{name}.new"))
    }

    /// Signs the manifest of all files, which must exist, and publishes it.
    ///
    /// # Errors
    /// When gpg fails, or its signature does not verify. The earlier release stays published then.
    pub(super) fn publish(&self, sums: &Sums, key: &str) -> Result<()> {
        let (manifest, signature) = (self.temporary(MANIFEST), self.temporary(SIGNATURE));
        let prepared = self.prepare(sums, key, &manifest, &signature);
        // What was written is part of what fills a disk.
        prepared.map_err(|error| full::explain(self.path, error)).inspect_err(|_| {
            // They may not exist. The failure before is the one that is reported.
            [&manifest, &signature].into_iter().for_each(|file| _ = fs::remove_file(file).ok());
        })?;
        durable::rename(&manifest, &self.path.join(MANIFEST))?;
        durable::rename(&signature, &self.path.join(SIGNATURE))
    }

    /// Writes the manifest and its signature under temporary names.
    fn prepare(&self, sums: &Sums, key: &str, manifest: &Path, signature: &Path) -> Result<()> {
        fs::write(manifest, manifest::render(sums))
            .with_context(|| format!("writing {}", manifest.display()))?;
        self.home.sign(key, manifest, signature)?;
        self.home.verify(manifest, signature)?;
        for file in [manifest, signature] {
            durable::mode(file, 0o644)?;
            durable::sync(file)?;
        }
        // Content and temporary name of the signature are on the disk now, so a cut after the first
        // rename can be repaired.
        durable::sync(self.path)
    }
}

/// Says what it means that the signature of a release does not verify.
fn why(error: &anyhow::Error) -> Option<String> {
    Some(match Flaw::of(error)? {
        Flaw::OtherKey => "a release with another key needs another folder (--output)".to_owned(),
        Flaw::Changed => {
            format!("{MANIFEST} was changed, or its signature is damaged: restore both from a copy")
        }
    })
}

fn is_temporary(name: &str) -> bool {
    let inner = name.strip_prefix('.').and_then(|name| name.strip_suffix(".new"));
    inner.is_some_and(|name| [MANIFEST, SIGNATURE].contains(&name) || name::parse(name).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::temporary;
    use crate::host::tree::Tools;

    /// What fails here is gpg, because the home has no key.
    #[test]
    #[ignore = "needs gnupg; `make test` runs it"]
    fn a_failure_leaves_no_temporary_file() {
        let (home, place) = (temporary::folder().unwrap(), temporary::folder().unwrap());
        let home = Home::open(home.path(), &Tools::At("/nonexistent".into())).unwrap();
        let folder = Folder::open(place.path(), &home).unwrap();
        let error = folder.publish(&Sums::new(), "nobody").unwrap_err().to_string();
        assert!(error.starts_with("signing "), "{error}");
        assert_eq!(fs::read_dir(place.path()).unwrap().count(), 0);
    }

    #[test]
    fn only_our_own_leftovers_are_removed() {
        for ours in [".SHA256SUMS.new", ".SHA256SUMS.gpg.new", ".x_1.raw.xz.new", ".x_1_ab_9.usr.raw.new"] {
            assert!(is_temporary(ours), "{ours}");
        }
        for other in ["SHA256SUMS", "x_1.raw.new", ".htaccess", ".new", ".notes.new", ".x_1.raw"] {
            assert!(!is_temporary(other), "{other}");
        }
    }
}

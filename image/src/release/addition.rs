//! Adds one version to a release.

use std::cmp::Ordering;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};
use pattern::config::version::compare;

use super::built::Part;
use super::folder::Folder;
use super::manifest::Sums;
use super::name::Kind;
use super::{name, sum};
use crate::host::durable;
use crate::host::file;
use crate::host::full;
use crate::host::screen::Screen;
use crate::host::step::Step;

const NEVER: &str = "a version that was published never changes; build with another image.version";

/// A version, and the release that it goes to.
pub(super) struct Addition<'a> {
    /// `ID_VERSION`
    pub(super) base: &'a str,
    pub(super) parts: Vec<Part<'a>>,
    pub(super) folder: &'a Folder<'a>,
    pub(super) screen: Screen,
}

impl Addition<'_> {
    /// Checks everything that was published, and that this version can be added.
    ///
    /// # Errors
    /// When a file is missing or changed, a file was never signed, or the version was published
    /// with other content.
    pub(super) fn check(&self) -> Result<()> {
        self.refuse_strangers()?;
        self.refuse_other_files()?;
        self.refuse_no_files()?;
        if !self.folder.sums.is_empty() {
            let step = Step::new(self.screen, self.folder.path.display().to_string());
            self.check_sums(&step)?;
            step.end("checked");
        }
        Ok(())
    }

    /// Fails if there are files with names of a release that are not signed. An interrupted run
    /// left them.
    fn refuse_strangers(&self) -> Result<()> {
        let mut strangers = self.folder.strangers()?;
        // A run for this version that was interrupted left its own: they are written anew.
        strangers.retain(|name| !self.is_delta(name) && self.parts.iter().all(|part| part.name != *name));
        if !strangers.is_empty() {
            bail!(
                "{} has files that were never signed: {}; move them away (a run of sign-release for another \
                 version that was interrupted leaves some)",
                self.folder.path.display(),
                strangers.join(", ")
            );
        }
        Ok(())
    }

    /// Returns whether a name is that of what machines fetch parts of for this version.
    fn is_delta(&self, name: &str) -> bool {
        name::parse(name).is_some_and(|name| name.base == self.base && matches!(name.kind, Kind::Delta(_)))
    }

    /// Fails if the same version exists with another UUID or compression, because systems could
    /// take either.
    fn refuse_other_files(&self) -> Result<()> {
        let is_other = |name: &&String| {
            let same_version = name::parse(name).is_some_and(|parsed| parsed.base == self.base);
            same_version && !self.is_delta(name) && self.parts.iter().all(|part| part.name != **name)
        };
        if let Some(other) = self.folder.sums.keys().find(is_other) {
            let folder = self.folder.path.display();
            bail!("{folder} has {} already, with {other}: {NEVER}", self.base);
        }
        Ok(())
    }

    /// Returns the newest version of the release with the same id, if that is newer than this one.
    ///
    /// # Errors
    /// When the release has a version of another name that machines take for the same.
    pub(super) fn newer(&self) -> Result<Option<String>> {
        let Some((id, version)) = self.base.split_once('_') else { return Ok(None) };
        let others = self.folder.sums.keys().filter_map(|name| name::parse(name)?.base.split_once('_'));
        let others = others.filter(|(other, _)| *other == id).map(|(_, version)| version);
        let others: Vec<&str> = others.filter(|other| *other != version).collect();
        if let Some(same) = others.iter().find(|other| compare(other, version) == Ordering::Equal) {
            bail!(
                "machines take the versions {same} and {version} for the same, and {} has {same}: build with a higher \
                 image.version",
                self.folder.path.display()
            );
        }
        let newest = others.into_iter().max_by(|one, other| compare(one, other));
        let newer = newest.filter(|newest| compare(newest, version) == Ordering::Greater);
        Ok(newer.map(|newer| format!("{id}_{newer}")))
    }

    /// Fails if something that is not a file has the name of a new one. It would be replaced.
    fn refuse_no_files(&self) -> Result<()> {
        for part in self.parts.iter().filter(|part| !self.folder.sums.contains_key(&part.name)) {
            let path = self.folder.path.join(&part.name);
            if fs::symlink_metadata(&path).is_ok() {
                let refused = file::refuse_other(&path);
                refused.with_context(|| format!("adding {}: move it away", path.display()))?;
            }
        }
        Ok(())
    }

    fn check_sums(&self, step: &Step) -> Result<()> {
        for (name, wanted) in &self.folder.sums {
            let file = self.folder.path.join(name);
            let sum = sum::of(step, &file).context("checking the release: restore it from a copy")?;
            if sum != *wanted {
                bail!("{} is not what was signed: restore it from a copy", file.display());
            }
        }
        for part in self.parts.iter().filter(|part| self.folder.sums.contains_key(&part.name)) {
            if !self.is_there(part, step)? {
                let file = self.folder.path.join(&part.name);
                bail!("{} has other content than {}: {NEVER}", file.display(), part.from.display());
            }
        }
        Ok(())
    }

    /// Returns whether the release has a part's file with the right content.
    fn is_there(&self, part: &Part, step: &Step) -> Result<bool> {
        let file = self.folder.path.join(&part.name);
        // A file that can't be decompressed is not the right one either.
        Ok(file.exists() && part.codec.content_sum(step, &file).is_ok_and(|sum| sum == part.sum))
    }

    /// Writes the files that the release lacks. Returns the sums of all files of the release.
    ///
    /// # Errors
    /// When a file can't be written, or does not read back as it was built.
    pub(super) fn write(&self) -> Result<Sums> {
        let mut sums = self.folder.sums.clone();
        for part in self.parts.iter().filter(|part| !self.folder.sums.contains_key(&part.name)) {
            let step = Step::new(self.screen, &part.name);
            if !self.is_there(part, &step)? {
                let temporary = self.folder.temporary(&part.name);
                let written = self.write_part(part, &temporary, &step);
                written.map_err(|error| full::explain(self.folder.path, error)).inspect_err(|_| {
                    // It may not exist. The failure before it is the one that is reported.
                    fs::remove_file(&temporary).ok();
                })?;
            }
            let plain = part.codec.suffix.is_empty();
            let file = self.folder.path.join(&part.name);
            let sum = if plain { part.sum.clone() } else { sum::of(&step, &file)? };
            sums.insert(part.name.clone(), sum);
            step.end("written");
        }
        Ok(sums)
    }

    fn write_part(&self, part: &Part, temporary: &Path, step: &Step) -> Result<()> {
        part.codec.write(step, &part.from, temporary)?;
        if part.codec.content_sum(step, temporary)? != part.sum {
            let name = temporary.display();
            bail!("{name} does not read back as {}: is a disk or the memory broken?", part.from.display());
        }
        durable::mode(temporary, 0o644)?;
        durable::sync(temporary)?;
        durable::rename(temporary, &self.folder.path.join(&part.name))
    }
}

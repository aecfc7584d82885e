//! What machines need to fetch only what changed: the packed blocks of a version, and patches from the versions before.
//!
//! Without these files machines fetch the version whole. So what can't be made is left out, and a warning says why.

mod blocks;
mod pack;
mod patch;
mod version;

use std::cmp::Ordering;
use std::fs::{self, File};
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, anyhow, bail};
use pattern::config::version::compare;
use pattern::delta::index::{self, Index, Sum};
use pattern::delta::tree::Tree;
use pattern::delta::{Hash, patch as format};
use pattern::hex;
use pattern::table::Amount;
use pattern::update::release::Part;
use rustix::fs::statvfs;

use super::built::Built;
use super::compression::{Codec, Compression};
use super::folder::Folder;
use super::manifest::Sums;
use super::name::{self, Kind};
use super::sum;
use crate::host::screen::{self, Screen};
use crate::host::step::Step;
use crate::host::tree::Tools;
use crate::host::{durable, file, full, signals, temporary};
use version::Usr;

/// A version in a release, and what is added for it.
pub(super) struct Deltas<'a> {
    pub(super) built: &'a Built,
    pub(super) folder: &'a Folder<'a>,
    pub(super) tools: &'a Tools,
    pub(super) screen: Screen,
    /// From how many versions patches are made.
    pub(super) from: usize,
}

/// The new version, read and proven.
struct New {
    usr: Usr,
    tree: Tree,
    root: Hash,
    kernel: Vec<u8>,
}

impl Deltas<'_> {
    /// Adds the files that the release lacks, and their sums.
    ///
    /// # Errors
    /// When a signal came. What fails otherwise is left out.
    pub(super) fn add(&self, sums: &mut Sums) -> Result<()> {
        if self.from == 0 {
            return Ok(());
        }
        let base = &self.built.base;
        let new = self.read().and_then(|new| Ok((self.blocks(&new, sums)?, new)));
        let Some((index, new)) = left_out(new, || format!("machines will fetch all blocks of {base}"))?
        else {
            return Ok(());
        };
        for old in earlier(base, sums).into_iter().take(self.from) {
            let added = self.patch(&old, &new, &index, sums);
            left_out(added, || format!("the release has no patch from {old} to {base}"))?;
        }
        Ok(())
    }

    fn read(&self) -> Result<New> {
        let [usr, verity] = [Part::Usr, Part::Verity].map(|part| self.built.file(Kind::Part(part)));
        let (usr, verity) = (usr?, verity?);
        let kernel = file::content(&self.built.file(Kind::Uki)?)?;
        let root = version::root(&named(&usr), &named(&verity)).with_context(|| {
            format!("the names of {} and {} tell no root hash", usr.display(), verity.display())
        })?;
        let (tree, usr) = (version::tree(&verity, &root)?, Usr::open(&usr)?);
        if usize::try_from(usr.blocks()) != Ok(tree.leaves().len()) {
            bail!("{} has another size than {} says", usr.path.display(), verity.display());
        }
        Ok(New { usr, tree, root, kernel })
    }

    /// Writes the packed blocks, unless they are there, and returns their index.
    fn blocks(&self, new: &New, sums: &mut Sums) -> Result<Index> {
        let names = [index::BLOCKS, index::INDEX].map(|end| format!("{}{end}", self.built.base));
        let [packed, table] = &names;
        if names.iter().all(|name| sums.contains_key(name)) {
            let bytes = file::content(&self.folder.path.join(table))?;
            return Index::parse(&bytes).map_err(|why| anyhow!("reading {table}: {why}"));
        }
        let step = Step::new(self.screen, packed);
        let version = blocks::Version {
            usr: &new.usr,
            usr_sum: self.sum(Part::Usr)?,
            tree: &new.tree,
            tree_sum: self.sum(Part::Verity)?,
            root: new.root,
        };
        let index = self.write(packed, |to| blocks::write(&version, to, &step))?;
        self.finish(&names, &index.bytes(), step, sums)?;
        Ok(index)
    }

    /// Writes the patch from an older version, unless it is there.
    fn patch(&self, old: &str, new: &New, index: &Index, sums: &mut Sums) -> Result<()> {
        let names = [format::PATCH, format::INDEX].map(|end| format::name(&self.built.base, old, end));
        if names.iter().all(|name| sums.contains_key(name)) {
            return Ok(());
        }
        let [packed, _] = &names;
        let step = Step::new(self.screen, packed);
        let from = Earlier::read(old, self, sums, &step)?;
        let old = patch::Version { usr: &from.usr, root: from.root, kernel: &from.kernel };
        let version = patch::Version { usr: &new.usr, root: new.root, kernel: &new.kernel };
        let new = patch::New { version, tree: &new.tree, index };
        let patch = self.write(packed, |to| patch::write(&old, &new, to, &step))?;
        if patch == format::Patch::default() {
            fs::remove_file(self.folder.path.join(packed)).context("removing the patch")?;
            step.end("left out, because it is not smaller than the blocks");
            return Ok(());
        }
        self.finish(&names, &patch.bytes(), step, sums)
    }

    /// Writes the index of a file, and adds the sums of both.
    fn finish(&self, names: &[String; 2], index: &[u8], step: Step, sums: &mut Sums) -> Result<()> {
        self.write(&names[1], |to| to.write_all(index).context("writing the index"))?;
        for name in names {
            sums.insert(name.clone(), sum::of(&step, &self.folder.path.join(name))?);
        }
        step.end("written");
        Ok(())
    }

    /// Writes a file of the release, which gets its name when its content is on the disk.
    fn write<T>(&self, name: &str, write: impl FnOnce(&mut BufWriter<File>) -> Result<T>) -> Result<T> {
        let temporary = self.folder.temporary(name);
        let written = || {
            let file =
                File::create(&temporary).with_context(|| format!("creating {}", temporary.display()))?;
            let mut to = BufWriter::new(file);
            let result = write(&mut to)?;
            to.flush().with_context(|| format!("writing {}", temporary.display()))?;
            durable::mode(&temporary, 0o644)?;
            durable::sync(&temporary)?;
            durable::rename(&temporary, &self.folder.path.join(name))?;
            Ok(result)
        };
        written().map_err(|error| full::explain(self.folder.path, error)).inspect_err(|_| {
            // It may not exist. The failure before it is the one that is reported.
            fs::remove_file(&temporary).ok();
        })
    }

    /// Returns size and sum of a partition as it was built.
    fn sum(&self, part: Part) -> Result<Sum> {
        let (path, sum) = (self.built.file(Kind::Part(part))?, self.built.sum(Kind::Part(part)));
        let sum = sum.and_then(hex::decode).and_then(|sum| sum.try_into().ok());
        Ok(Sum { bytes: fs::metadata(&path)?.len(), sum: sum.context("a partition has no sum")? })
    }
}

/// An older version of the release.
struct Earlier {
    usr: Usr,
    root: Hash,
    kernel: Vec<u8>,
    /// What was unpacked is removed with it.
    _place: Option<tempfile::TempDir>,
}

impl Earlier {
    fn read(base: &str, deltas: &Deltas, sums: &Sums, step: &Step) -> Result<Self> {
        let file = |kind: Kind| {
            let is =
                |name: &&String| name::parse(name).is_some_and(|name| name.base == base && name.kind == kind);
            sums.keys().find(is).with_context(|| format!("the release has no *{} of {base}", kind.suffix()))
        };
        let (usr, verity) = (file(Kind::Part(Part::Usr))?, file(Kind::Part(Part::Verity))?);
        let root =
            version::root(usr, verity).with_context(|| format!("the name {usr} tells no root hash"))?;
        let kernel = file::content(&deltas.folder.path.join(file(Kind::Uki)?))?;
        step.show("unpacking the older version");
        let (place, path) = unpacked(usr, deltas)?;
        Ok(Self { usr: Usr::open(&path)?, root, kernel, _place: place })
    }
}

/// Unpacks a partition of the release, if it is packed. Returns the folder that is to be removed, and the file.
fn unpacked(name: &str, deltas: &Deltas) -> Result<(Option<tempfile::TempDir>, PathBuf)> {
    let from = deltas.folder.path.join(name);
    let compression = Compression::of(name);
    if compression == Compression::None {
        return Ok((None, from));
    }
    let place = temporary::folder()?;
    let needed = Part::Usr.bytes(name).unwrap_or_default();
    let found = statvfs(place.path()).with_context(|| format!("looking at {}", place.path().display()))?;
    let left = found.f_bavail.saturating_mul(found.f_frsize);
    if left < needed {
        let (needed, left) = (Amount(needed), Amount(left));
        bail!("unpacking {name} needs {needed}, and {} has {left}: set TMPDIR", place.path().display());
    }
    let to = place.path().join("usr");
    Codec::find(compression, deltas.tools)?.unpack(&from, &to)?;
    Ok((Some(place), to))
}

/// Returns the older versions of the same id, the newest first.
fn earlier(base: &str, sums: &Sums) -> Vec<String> {
    let Some((id, version)) = base.split_once('_') else { return Vec::new() };
    let all = sums.keys().filter_map(|name| name::parse(name)?.base.split_once('_'));
    let older = all.filter(|(other, older)| *other == id && compare(older, version) == Ordering::Less);
    let mut older: Vec<&str> = older.map(|(_, version)| version).collect();
    older.sort_by(|one, other| compare(other, one));
    older.dedup();
    older.into_iter().map(|version| format!("{id}_{version}")).collect()
}

fn named(path: &Path) -> String {
    path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

/// Says that something is left out if it failed, unless the user ended the program.
fn left_out<T>(result: Result<T>, what: impl Fn() -> String) -> Result<Option<T>> {
    match result {
        Ok(done) => Ok(Some(done)),
        Err(error) => {
            signals::refuse_to_go_on()?;
            screen::warn(format_args!("warning: {}: {error:#}", what()));
            Ok(None)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patches_are_made_from_the_newest_older_versions() {
        let names = [
            "x_1.efi",
            "x_1.raw.xz",
            "x_10.efi",
            "x_2.efi",
            "x_3.efi",
            "x_3_1.patch",
            "y_1.efi",
            "index.html",
        ];
        let sums: Sums = names.iter().map(|name| ((*name).to_owned(), String::new())).collect();
        assert_eq!(earlier("x_3", &sums), ["x_2", "x_1"]);
        assert_eq!(earlier("x_11", &sums), ["x_10", "x_3", "x_2", "x_1"]);
        assert!(earlier("y_1", &sums).is_empty());
    }
}

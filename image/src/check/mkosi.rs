//! What mkosi would read for an image, as far as files show: its settings, the files that it
//! copies, and its scripts (mkosi(1)).

mod ini;
mod look;
mod specifier;
mod tree;
mod walk;

use std::path::{Path, PathBuf};

pub(super) use look::LONGEST;

/// A file that mkosi copies into the image.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub(super) struct Placed {
    /// The file that is copied.
    pub(super) from: PathBuf,
    /// Its path in the image, without `/` at the start.
    pub(super) path: String,
    /// Its text, if it is where services are configured.
    pub(super) text: String,
}

/// A path that only mkosi can resolve.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Unresolved {
    /// Where it stands.
    pub(super) file: PathBuf,
    /// Such as `ExtraTrees=%i`.
    pub(super) setting: String,
    /// Such as `%i`.
    pub(super) unknown: String,
}

/// The configuration of an image.
#[derive(Default, Debug)]
pub(super) struct Mkosi {
    /// Names and values. Items of a list are on lines, or between commas.
    pub(super) settings: Vec<(String, String)>,
    /// The folders that are copied into the image.
    pub(super) trees: Vec<PathBuf>,
    /// The files that are copied into the image.
    pub(super) files: Vec<Placed>,
    /// The texts of the scripts that change the image.
    pub(super) scripts: Vec<String>,
    /// Settings with paths that only mkosi can resolve, and what in it that is.
    pub(super) unresolved: Vec<Unresolved>,
    /// Configuration and scripts that mkosi would wait for, and what they are.
    pub(super) endless: Vec<(PathBuf, &'static str)>,
    /// Whether there is more than these files show.
    pub(super) hidden: bool,
}

impl Mkosi {
    /// Reads the configuration in a folder.
    pub(super) fn read(folder: &Path) -> Self {
        walk::folder(folder)
    }

    /// Reads trees that mkosi copies from and to these places.
    pub(super) fn of_trees(trees: &[(PathBuf, Option<String>)]) -> Self {
        let files = trees.iter().filter_map(|(from, to)| tree::files(from, to.as_deref())).flatten();
        Self { files: files.collect(), ..Self::default() }
    }

    /// Returns the packages that are installed.
    pub(super) fn packages(&self) -> impl Iterator<Item = &str> {
        let lists = ["Packages", "VolatilePackages"];
        let values = self.settings.iter().filter(move |(name, _)| lists.contains(&name.as_str()));
        values.flat_map(|(_, value)| ini::items(value))
    }
}

#[cfg(test)]
mod tests;

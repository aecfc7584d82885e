//! What the volume has of `/etc`, and in the same way of `/var`. The running system finds all of it covered.
//!
//! | below *root/* | |
//! | --- | --- |
//! | *etc* | the kept `/etc` |
//! | *.etc/ID/tree*, *numbers* | the image's own of a version, and who has or had each number |
//! | *.etc/before* | the kept `/etc` before it was last brought to another version |
//! | *.etc/next*, *.etc/draft* | what is being made |

use std::fs::{self, DirBuilder, File};
use std::io::{ErrorKind, Read as _};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use pattern::etc::{Numbers, Tree};
use pattern_machine::tree;

use crate::volume::mounts::KEPT;

/// The extended attribute with the mark. Only root can see it.
const ATTRIBUTE: &str = "trusted.pattern.base";
pub(super) const NUMBERS: &str = "numbers";
/// More than the names of any machine need.
const LONGEST: u64 = 4 << 20;

/// The image's own of an earlier version.
pub(super) struct Base {
    pub(super) tree: Tree,
    pub(super) numbers: Numbers,
}

pub(in crate::volume) struct Layout {
    root: PathBuf,
    factory: PathBuf,
    /// `etc`, or `var`.
    name: &'static str,
}

impl Layout {
    pub(super) fn new(volume: &Path, factory: &Path) -> Self {
        Self::of("etc", volume, factory)
    }

    pub(in crate::volume) fn of(name: &'static str, volume: &Path, factory: &Path) -> Self {
        Self { root: volume.join(KEPT), factory: factory.join(name), name }
    }

    pub(in crate::volume) fn kept(&self) -> PathBuf {
        self.root.join(self.name)
    }

    /// The running version's own.
    pub(in crate::volume) fn factory(&self) -> &Path {
        &self.factory
    }

    pub(in crate::volume) fn own(&self) -> PathBuf {
        self.root.join(format!(".{}", self.name))
    }

    pub(in crate::volume) fn before(&self) -> PathBuf {
        self.own().join("before")
    }

    pub(in crate::volume) fn next(&self) -> PathBuf {
        self.own().join("next")
    }

    pub(in crate::volume) fn draft(&self) -> PathBuf {
        self.own().join("draft")
    }

    pub(in crate::volume) fn base_place(&self, id: &str) -> PathBuf {
        self.own().join(id)
    }

    /// Makes the folder for what is not `/etc` itself, which only root may look into.
    pub(in crate::volume) fn prepare(&self) -> Result<()> {
        let own = self.own();
        match fs::symlink_metadata(&own) {
            Ok(found) if found.is_dir() => Ok(()),
            Ok(_) => bail!("{} is not a directory", own.display()),
            Err(error) if error.kind() == ErrorKind::NotFound => DirBuilder::new()
                .mode(0o700)
                .create(&own)
                .with_context(|| format!("making {}", own.display())),
            Err(error) => Err(error).with_context(|| format!("looking at {}", own.display())),
        }
    }

    /// Reads the mark of a tree. Nothing may be there.
    pub(in crate::volume) fn mark(&self, tree: &Path) -> Result<Option<Vec<u8>>> {
        match xattr::get(tree, ATTRIBUTE) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            found => found.with_context(|| format!("reading the mark of {}", tree.display())),
        }
    }

    pub(in crate::volume) fn set_mark(&self, tree: &Path, mark: &[u8]) -> Result<()> {
        xattr::set(tree, ATTRIBUTE, mark).with_context(|| format!("marking {}", tree.display()))
    }

    /// Reads what is kept of a version. One that is incomplete or damaged counts as not kept.
    pub(super) fn base(&self, id: &str) -> Result<Option<Base>> {
        let (tree, numbers) = (self.base_place(id).join("tree"), self.base_place(id).join(NUMBERS));
        if !tree.is_dir() || !numbers.is_file() {
            return Ok(None);
        }
        let mut text = Vec::new();
        let read = File::open(&numbers).and_then(|file| file.take(LONGEST + 1).read_to_end(&mut text));
        read.with_context(|| format!("reading {}", numbers.display()))?;
        let Some(numbers) = Numbers::parse(&text) else { return Ok(None) };
        Ok(Some(Base { tree: tree::read(&tree)?, numbers }))
    }
}

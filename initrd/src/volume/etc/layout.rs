//! What the volume has of `/etc`, and in the same way of `/var`. The running system finds all of it covered.
//!
//! | below *root/* | |
//! | --- | --- |
//! | *etc* | the kept `/etc` |
//! | *.etc/ID/list*, *numbers* | the image's own of a version, and who has or had each number |
//! | *.etc/before* | the kept `/etc` before it was last brought to another version |
//! | *.etc/journal* | what happened, and which conflicts are open |
//! | *.etc/next*, *.etc/draft* | what is being made |
//! | *.etc/old* | the *before* that is being replaced |

use std::fs::{self, DirBuilder, File};
use std::io::{ErrorKind, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use pattern::etc::{Found, Journal, Mark, Next, Numbers, Tree, next};
use pattern_machine::tree::remove;

use crate::volume::mounts::KEPT;

/// The extended attribute with the mark. Only root can see it.
const ATTRIBUTE: &str = "trusted.pattern.base";
/// The extended attribute with the version that a tree was brought from to a newer one.
const FROM: &str = "trusted.pattern.from";
/// The image's own of a version, as a text.
pub(in crate::volume) const LIST: &str = "list";
pub(super) const NUMBERS: &str = "numbers";
pub(super) const JOURNAL: &str = "journal";
/// Bytes. More than the names of any machine need, and more than the list of any image.
const LONGEST: u64 = 64 << 20;

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

    pub(super) fn old(&self) -> PathBuf {
        self.own().join("old")
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
        read(tree, ATTRIBUTE)
    }

    pub(in crate::volume) fn set_mark(&self, tree: &Path, mark: &[u8]) -> Result<()> {
        xattr::set(tree, ATTRIBUTE, mark).with_context(|| format!("marking {}", tree.display()))
    }

    /// Marks a tree as that of a version, and with the version that it was brought from.
    pub(super) fn mark_as(&self, tree: &Path, mark: &Mark, from: Option<&Mark>) -> Result<()> {
        let Some(from) = from else {
            // In this order: a tree in use that lost only this would not find its way back.
            return self.set_mark(tree, &mark.bytes()).and_then(|()| clear(tree, FROM));
        };
        xattr::set(tree, FROM, &from.bytes()).with_context(|| format!("marking {}", tree.display()))?;
        self.set_mark(tree, &mark.bytes())
    }

    /// Returns the tree from before of this version, if it is whole.
    pub(super) fn earlier(&self, version: &Mark) -> Result<Option<PathBuf>> {
        for tree in [self.old(), self.before()] {
            let mark = self.mark(&tree)?.and_then(|mark| Mark::parse(&mark));
            if mark.is_some_and(|mark| mark.id() == version.id()) {
                return Ok(Some(tree));
            }
        }
        Ok(None)
    }

    /// Decides what has to be done for the running version.
    pub(super) fn decide(&self, running: &Mark, is_new: bool) -> Result<Next> {
        let kept = self.mark(&self.kept())?;
        if kept.as_ref().and_then(|mark| Mark::parse(mark)).is_some_and(|mark| mark.id() == running.id()) {
            // All that an ordinary boot looks at.
            return Ok(Next::Nothing);
        }
        let from = read(&self.kept(), FROM)?;
        let before = self.earlier(running)?.map(|tree| self.mark(&tree)).transpose()?.flatten();
        let found = Found { kept: kept.as_deref(), from: from.as_deref(), before: before.as_deref() };
        Ok(next(found, running, is_new))
    }

    pub(super) fn journal(&self) -> Result<Journal> {
        let path = self.own().join(JOURNAL);
        match fs::read(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(Journal::default()),
            // All of it: the newest entries are the last ones.
            read => Ok(Journal::parse(&read.with_context(|| format!("reading {}", path.display()))?)),
        }
    }

    /// Reads what is kept of a version. One that is incomplete or damaged counts as not kept.
    pub(super) fn base(&self, id: &str) -> Result<Option<Base>> {
        let numbers = text(&self.base_place(id).join(NUMBERS))?.and_then(|text| Numbers::parse(&text));
        Ok(self.image(id)?.zip(numbers).map(|(tree, numbers)| Base { tree, numbers }))
    }

    /// Reads what the image of a version has of its own. A list that is incomplete or damaged counts as not kept.
    pub(in crate::volume) fn image(&self, id: &str) -> Result<Option<Tree>> {
        let text = text(&self.base_place(id).join(LIST))?;
        Ok(text.and_then(|text| String::from_utf8(text).ok()).and_then(|text| Tree::parse(&text)))
    }

    /// Makes the folder of what is kept of the running version, under the name of a draft. `files` are its files.
    pub(in crate::volume) fn make_draft(&self, files: &[(&str, &[u8])]) -> Result<()> {
        let draft = self.draft();
        let about = || format!("making {}", draft.display());
        DirBuilder::new().mode(0o700).create(&draft).with_context(about)?;
        files.iter().try_for_each(|(name, content)| {
            let written = File::options().write(true).create_new(true).mode(0o600).open(draft.join(name));
            written.and_then(|mut file| file.write_all(content)).with_context(about)
        })
    }
}

/// Reads a file. Nothing may be there.
fn text(path: &Path) -> Result<Option<Vec<u8>>> {
    if !path.is_file() {
        return Ok(None);
    }
    let mut text = Vec::new();
    let read = File::open(path).and_then(|file| file.take(LONGEST + 1).read_to_end(&mut text));
    read.with_context(|| format!("reading {}", path.display()))?;
    Ok((text.len() as u64 <= LONGEST).then_some(text))
}

fn read(tree: &Path, attribute: &str) -> Result<Option<Vec<u8>>> {
    match xattr::get(tree, attribute) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        found => found.with_context(|| format!("reading the mark of {}", tree.display())),
    }
}

fn clear(tree: &Path, attribute: &str) -> Result<()> {
    if read(tree, attribute)?.is_none() {
        return Ok(());
    }
    xattr::remove(tree, attribute).with_context(|| format!("removing the mark of {}", tree.display()))
}

/// Removes what is at a path.
pub(in crate::volume) fn gone(path: &Path) -> Result<()> {
    remove(path).with_context(|| format!("removing {}", path.display()))
}

/// Removes a tree from before. One that is removed in part has no mark, so it is nobody's.
pub(super) fn retire(tree: &Path) -> Result<()> {
    clear(tree, ATTRIBUTE)?;
    gone(tree)
}

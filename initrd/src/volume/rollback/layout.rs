//! What the volume has of state that goes back. The running system finds all but `/var` covered.
//!
//! | below *root/* | |
//! | --- | --- |
//! | *var* | the kept `/var`. An extended attribute says which version it was last given to |
//! | *.var/before* | the copy, as long as it may be put back: *note*, and a directory for each path |
//! | *.var/aside* | what the last version that was not found to be good left |
//! | *.var/copy* | what is being made or removed |

use std::fs::File;
use std::io::{ErrorKind, Read as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use pattern::etc::Mark;
use pattern::rollback::Note;

use crate::volume::etc::layout::Layout as Kept;
use crate::volume::etc::layout::gone;
use crate::volume::mounts::KEPT;

/// The extended attribute with the version. Only root can see it.
const STARTED: &str = "trusted.pattern.started";
const NOTE: &str = "note";
/// More than any list of paths needs.
const LONGEST: u64 = 1 << 20;

pub(super) struct Layout(Kept);

impl Layout {
    pub(super) fn new(volume: &Path) -> Self {
        // What the image has does not matter here.
        Self(Kept::of("var", volume, Path::new("/")))
    }

    pub(super) fn var(&self) -> PathBuf {
        self.0.kept()
    }

    pub(super) fn own(&self) -> PathBuf {
        self.0.own()
    }

    pub(super) fn copy(&self) -> PathBuf {
        self.own().join("copy")
    }

    pub(super) fn before(&self) -> PathBuf {
        self.0.before()
    }

    pub(super) fn aside(&self) -> PathBuf {
        self.own().join("aside")
    }

    pub(super) fn aside_shown(&self) -> String {
        format!("{KEPT}/.var/aside")
    }

    pub(super) fn prepare(&self) -> Result<()> {
        self.0.prepare()
    }

    /// Removes what a power cut or a failure left.
    pub(super) fn clear(&self) -> Result<()> {
        gone(&self.copy())
    }

    pub(super) fn started(&self) -> Result<Option<Mark>> {
        let found = xattr::get(self.var(), STARTED);
        let found = found.with_context(|| format!("reading {STARTED} of {}", self.var().display()))?;
        Ok(found.and_then(|mark| Mark::parse(&mark)))
    }

    pub(super) fn set_started(&self, mark: &Mark) -> Result<()> {
        let set = xattr::set(self.var(), STARTED, &mark.bytes());
        set.with_context(|| format!("writing {STARTED} of {}", self.var().display()))
    }

    /// Reads the note of the copy. The inner value is missing if it has something that pattern does not write.
    pub(super) fn note(&self) -> Result<Option<Option<Note>>> {
        let before = self.before();
        let mut text = Vec::new();
        match File::open(before.join(NOTE)).and_then(|file| file.take(LONGEST).read_to_end(&mut text)) {
            Ok(_) => Ok(Some(Note::parse(&text))),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(before.is_dir().then_some(None)),
            Err(error) => Err(error).with_context(|| format!("reading {}/{NOTE}", before.display())),
        }
    }

    /// Returns the directory for the path of this number, below a copy.
    pub(super) fn entry(copy: &Path, index: usize) -> PathBuf {
        copy.join(index.to_string())
    }

    pub(super) fn note_in(copy: &Path) -> PathBuf {
        copy.join(NOTE)
    }
}

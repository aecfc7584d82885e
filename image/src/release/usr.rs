//! Reads `/usr` of an image without mounting it.

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};

use crate::host::signals;
use crate::host::tools::{Need, Source, operand};
use crate::host::tree::Tools;

/// dump.erofs of Debian 12 can't print files, so the tools tree comes first.
const EROFS: Need = Need { programs: &["dump.erofs"], package: "erofs-utils" };
/// Where EROFS begins, and the number there (Linux, fs/erofs/erofs_fs.h). Its time of making is at 24, in 8 bytes.
const SUPERBLOCK: u64 = 1024;
const MAGIC: u32 = 0xE0F5_E1E2;
/// The configuration of a system, in its `/usr`.
pub(crate) const CONFIG: &str = "/lib/pattern/pattern.toml";

/// A file system with `/usr`.
pub(crate) struct Usr {
    source: Source,
    image: PathBuf,
    start: u64,
}

impl Usr {
    /// Takes the file or device, and the byte where the file system begins.
    ///
    /// # Errors
    /// When the program that reads it is missing.
    pub(crate) fn new(image: &Path, start: u64, tools: &Tools) -> Result<Self> {
        Ok(Self { source: Source::tree_first(EROFS, tools)?, image: image.to_owned(), start })
    }

    /// Returns the content of a file, or `None` if there is none.
    ///
    /// # Errors
    /// When it can't be read.
    pub(crate) fn file(&self, path: &str) -> Result<Option<String>> {
        let bytes = self.bytes(path)?;
        Ok(bytes.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()))
    }

    /// Does the same for a file that is not text.
    ///
    /// # Errors
    /// When it can't be read.
    pub(crate) fn bytes(&self, path: &str) -> Result<Option<Vec<u8>>> {
        self.dump(path, Some("--cat"))
    }

    /// Returns whether there is a file or a folder.
    ///
    /// # Errors
    /// When the file system can't be read.
    pub(crate) fn has(&self, path: &str) -> Result<bool> {
        Ok(self.dump(path, None)?.is_some())
    }

    /// Returns when the file system was made, in seconds since 1970: the date of an image.
    ///
    /// # Errors
    /// When it is not a file system of this kind.
    pub(crate) fn made(&self) -> Result<u32> {
        let reading = || format!("reading when /usr of {} was made", self.image.display());
        let mut head = [0; 32];
        let file = File::open(&self.image).with_context(reading)?;
        file.read_exact_at(&mut head, self.start + SUPERBLOCK).with_context(reading)?;
        let number = |at: usize| u32::from_le_bytes(std::array::from_fn(|index| head[at + index]));
        if number(0) != MAGIC || number(28) != 0 {
            bail!("{}: it is not EROFS", reading());
        }
        Ok(number(24))
    }

    fn dump(&self, path: &str, what: Option<&str>) -> Result<Option<Vec<u8>>> {
        let reading = || format!("reading /usr{path} of {}", self.image.display());
        let mut command = self.source.command("dump.erofs");
        command.arg(format!("--offset={}", self.start)).arg(format!("--path={path}")).args(what);
        let output = signals::output(command.arg(&*operand(&self.image))).with_context(reading)?;
        let said = String::from_utf8_lossy(&output.stderr);
        // Its status is 0 for a file that is not there, too.
        match said.trim() {
            "" if output.status.success() => Ok(Some(output.stdout)),
            said if said.contains("read inode failed") => Ok(None),
            said => bail!("{}: {}: {said}", reading(), output.status),
        }
    }
}

//! The programs that read file systems without mounting them.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::host::signals;
use crate::host::tools::{self, Need, Source};
use crate::host::tree::Tools;

/// dump.erofs of Debian 12 can't print files, so the tools tree comes first.
const EROFS: Need = Need { programs: &["dump.erofs"], package: "erofs-utils" };
const MTOOLS: Need = Need { programs: &["mdir", "mcopy"], package: "mtools" };

/// A file system with `/usr`.
pub(super) struct Usr {
    source: Source,
    image: PathBuf,
    start: u64,
}

impl Usr {
    pub(super) fn new(image: &Path, start: u64, tools: &Tools) -> Result<Self> {
        Ok(Self { source: Source::tree_first(EROFS, tools)?, image: image.to_owned(), start })
    }

    /// Returns the content of a file, or `None` if there is none.
    pub(super) fn file(&self, path: &str) -> Result<Option<String>> {
        let bytes = self.bytes(path)?;
        Ok(bytes.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()))
    }

    /// Does the same for a file that is not text.
    pub(super) fn bytes(&self, path: &str) -> Result<Option<Vec<u8>>> {
        self.dump(path, Some("--cat"))
    }

    /// Returns whether there is a file or a folder.
    pub(super) fn has(&self, path: &str) -> Result<bool> {
        Ok(self.dump(path, None)?.is_some())
    }

    fn dump(&self, path: &str, what: Option<&str>) -> Result<Option<Vec<u8>>> {
        let reading = || format!("reading /usr{path} of {}", self.image.display());
        let mut command = self.source.command("dump.erofs");
        command.arg(format!("--offset={}", self.start)).arg(format!("--path={path}")).args(what);
        let output = signals::output(command.arg(&self.image)).with_context(reading)?;
        let said = String::from_utf8_lossy(&output.stderr);
        // Its status is 0 for a file that is not there, too.
        match said.trim() {
            "" if output.status.success() => Ok(Some(output.stdout)),
            said if said.contains("read inode failed") => Ok(None),
            said => bail!("{}: {}: {said}", reading(), output.status),
        }
    }
}

/// The EFI system partition.
pub(super) struct Esp {
    source: Source,
    /// The image and the partition's start, in the form of mtools.
    place: String,
}

impl Esp {
    pub(super) fn new(image: &Path, start: u64, tools: &Tools) -> Result<Self> {
        let Some(name) = image.to_str() else { bail!("{}: its name is not UTF-8", image.display()) };
        Ok(Self { source: Source::tree_first(MTOOLS, tools)?, place: format!("{name}@@{start}") })
    }

    /// Returns the paths of the files in a folder.
    pub(super) fn list(&self, folder: &str) -> Result<Vec<String>> {
        let mut command = self.source.command("mdir");
        command.args(["-b", "-i", &self.place]).arg(format!("::/{folder}"));
        let listing = tools::output(&format!("listing {folder} of the EFI system partition"), &mut command)?;
        let listing = String::from_utf8_lossy(&listing).into_owned();
        Ok(listing.lines().filter_map(|line| line.strip_prefix("::/")).map(str::to_owned).collect())
    }

    /// Returns the content of a file.
    pub(super) fn file(&self, path: &str) -> Result<Vec<u8>> {
        let mut command = self.source.command("mcopy");
        command.args(["-i", &self.place]).arg(format!("::/{path}")).arg("-");
        tools::output(&format!("reading {path} of the EFI system partition"), &mut command)
    }
}

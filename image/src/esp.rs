//! Reads and writes the EFI system partition of an image without mounting it.

use std::fs::File;
use std::path::Path;

use anyhow::{Context as _, Result, bail};
use pattern::table::{Found, Guid};

use crate::host::tools::{self, Need, Source};
use crate::host::tree::Tools;

const MTOOLS: Need = Need { programs: &["mdir", "mcopy"], package: "mtools" };
/// The type of the partition (UEFI Specification 2.10, section 5.3.3).
pub(crate) const ESP: Guid = Guid::from_uuid(0xC12A7328_F81F_11D2_BA4B_00A0C93EC93B_u128.to_be_bytes());
/// Bytes of a sector of an image that was built.
const SECTOR: u64 = 512;

/// The EFI system partition.
pub(crate) struct Esp {
    source: Source,
    /// The image and the partition's start, in the form of mtools.
    place: String,
}

impl Esp {
    /// Takes the image, and the byte where the partition begins.
    ///
    /// # Errors
    /// When the programs that read it are missing.
    pub(crate) fn new(image: &Path, start: u64, tools: &Tools) -> Result<Self> {
        let Some(name) = image.to_str() else { bail!("{}: its name is not UTF-8", image.display()) };
        Ok(Self { source: Source::tree_first(MTOOLS, tools)?, place: format!("{name}@@{start}") })
    }

    /// Finds the partition in an image that was built.
    ///
    /// # Errors
    /// When the image has none.
    pub(crate) fn of_image(image: &Path, tools: &Tools) -> Result<Self> {
        let reading = || format!("reading {}", image.display());
        let mut file = File::open(image).with_context(reading)?;
        let table = Found::read(&mut file, SECTOR).ok().map(|found| found.table);
        let table = table.context("it has no partition table").with_context(reading)?;
        let part = table.partitions().find(|part| part.kind == ESP);
        let part = part.context("it has no EFI system partition").with_context(reading)?;
        Self::new(image, part.extent.first.saturating_mul(SECTOR), tools)
    }

    /// Returns the paths of the files in a folder.
    ///
    /// # Errors
    /// When the folder does not exist, or can't be read.
    pub(crate) fn list(&self, folder: &str) -> Result<Vec<String>> {
        self.listing(&["-b"], folder)
    }

    /// Returns the paths of all files.
    ///
    /// # Errors
    /// When they can't be read.
    pub(crate) fn all(&self) -> Result<Vec<String>> {
        self.listing(&["-b", "-/"], "")
    }

    fn listing(&self, options: &[&str], folder: &str) -> Result<Vec<String>> {
        let mut command = self.source.command("mdir");
        command.args(options).args(["-i", &self.place]).arg(format!("::/{folder}"));
        let listing = tools::output(&format!("listing {folder} of the EFI system partition"), &mut command)?;
        let listing = String::from_utf8_lossy(&listing).into_owned();
        Ok(listing.lines().filter_map(|line| line.strip_prefix("::/")).map(str::to_owned).collect())
    }

    /// Returns the content of a file.
    ///
    /// # Errors
    /// When it does not exist, or can't be read.
    pub(crate) fn file(&self, path: &str) -> Result<Vec<u8>> {
        let mut command = self.source.command("mcopy");
        command.args(["-i", &self.place]).arg(format!("::/{path}")).arg("-");
        tools::output(&format!("reading {path} of the EFI system partition"), &mut command)
    }

    /// Writes what is in a folder of this host, with the times of files and folders. Files of the same path are replaced; all
    /// others stay.
    ///
    /// # Errors
    /// When it can't be written, as when the partition is too small.
    pub(crate) fn put(&self, folder: &Path) -> Result<()> {
        let names = folder.read_dir().and_then(Iterator::collect::<Result<Vec<_>, _>>);
        let names = names.with_context(|| format!("reading {}", folder.display()))?;
        let mut command = self.source.command("mcopy");
        command.args(["-s", "-Q", "-m", "-o", "-i", &self.place]).env("TZ", "UTC");
        command.args(names.iter().map(std::fs::DirEntry::path)).arg("::");
        tools::output("writing to the EFI system partition", &mut command).map(drop)
    }
}

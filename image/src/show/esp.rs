//! Reads the EFI system partition without mounting it.

use std::path::Path;

use anyhow::{Result, bail};

use crate::host::tools::{self, Need, Source};
use crate::host::tree::Tools;

const MTOOLS: Need = Need { programs: &["mdir", "mcopy"], package: "mtools" };

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

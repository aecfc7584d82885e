//! The partition table of an image.

use std::fs::File;
use std::path::Path;

use anyhow::{Context, Result, bail};
use pattern::table::Found;

use super::facts::Partition;
use crate::release::image::{self, NOT_OURS};

/// Bytes of a sector: of most images, and of ones for disks with larger sectors.
const SECTORS: [u64; 2] = [512, 4096];

/// Returns the partitions and the size of an image, which has this name for people.
///
/// # Errors
/// When the file has no partition table, or no `/usr`.
pub(super) fn read(name: &str, image: &Path) -> Result<(Vec<Partition>, u64)> {
    let reading = || format!("reading {name}");
    let mut file = File::open(image).with_context(reading)?;
    let of_file = file.metadata().with_context(reading)?;
    let bytes = of_file.len();
    let table = SECTORS.iter().find_map(|size| Found::read(&mut file, *size).ok());
    let Some(Found { table, .. }) = table else {
        bail!("{name} is not an image: {}", image::without_table(bytes));
    };
    if !image::is_ours(&table) {
        bail!("{name} is not an image by `pattern build`: {NOT_OURS}");
    }
    // The length of a disk is not in its metadata.
    if of_file.is_file() && bytes < table.partitions_end() {
        bail!("{name} is not a whole image: it ends before its partitions do: copy it again");
    }
    let mut parts: Vec<_> = table.partitions().collect();
    parts.sort_by_key(|part| part.extent.first);
    let part = |part: pattern::table::Partition| Partition {
        bytes: table.bytes(part.extent),
        start: part.extent.first.saturating_mul(table.sector_size()),
        label: part.label,
    };
    Ok((parts.into_iter().map(part).collect(), bytes))
}

//! An image that is read from its start to its end.

use std::io::{Cursor, Read};

use anyhow::{Context as _, Result, bail};
use pattern::table::{FitError, LEAD, Table};

use super::source::Source;
use crate::host::file;
use crate::host::tree::Tools;
use crate::release::image::{self, NOT_OURS};
use crate::release::{Codec, Compression};

/// The first file system begins here at the latest.
const PEEKED: u64 = 2 * LEAD;

/// An open image.
pub(super) struct Image {
    /// Its first bytes, up to the first partition.
    pub(super) lead: Vec<u8>,
    pub(super) table: Table,
    /// Bytes of a sector of its EFI system partition's file system, if it has one.
    pub(super) fat_sector: Option<u64>,
    /// What comes after the lead.
    pub(super) rest: Box<dyn Read>,
}

impl Image {
    /// Opens a file, and reads its partition table.
    ///
    /// # Errors
    /// When it is not a whole image.
    pub(super) fn open(source: &Source, tools: &Tools) -> Result<Self> {
        let about = || format!("image {}", source.file.display());
        let file = file::open(&source.file).with_context(about)?;
        let bytes = file.metadata().with_context(about)?.len();
        let mut content: Box<dyn Read> = match source.compression {
            Compression::None => Box::new(file),
            packed => Box::new(Codec::find(packed, tools)?.open(&source.file)?),
        };
        let mut start = Vec::new();
        content.by_ref().take(PEEKED).read_to_end(&mut start).with_context(about)?;
        let rest = start.split_off(start.len().min(usize::try_from(LEAD).unwrap_or_default()));
        let table = match Table::of_image(&start) {
            Err(FitError::NoTable(_)) if !has_header(&start) => {
                bail!(
                    "{} is not an image: {}",
                    source.file.display(),
                    image::without_table(start.len() as u64)
                )
            }
            table => table.with_context(about)?,
        };
        if !image::is_ours(&table) {
            bail!("{} is not an image by `pattern build`: {NOT_OURS}", source.file.display());
        }
        if source.compression == Compression::None && bytes < table.partitions_end() {
            bail!("{}: it ends before its partitions do: copy it again", about());
        }
        let fat_sector = fat_sector(&rest);
        Ok(Self { lead: start, table, fat_sector, rest: Box::new(Cursor::new(rest).chain(content)) })
    }
}

/// Looks whether a file can be an image, by its start. What is compressed is unpacked only when it was checked.
///
/// # Errors
/// When it is something else.
pub(super) fn look(source: &Source, tools: &Tools) -> Result<()> {
    let about = || format!("image {}", source.file.display());
    let Some(magic) = source.compression.magic() else { return Image::open(source, tools).map(drop) };
    let mut start = Vec::new();
    let file = file::open(&source.file).with_context(about)?;
    file.take(magic.len() as u64).read_to_end(&mut start).with_context(about)?;
    if start != magic {
        bail!("{}: its name says that it is compressed, and its content is not", about());
    }
    Ok(())
}

/// Returns whether a GPT begins here, damaged or not, for sectors of either size.
fn has_header(start: &[u8]) -> bool {
    [512, 4096].iter().any(|at| start.get(*at..).is_some_and(|rest| rest.starts_with(b"EFI PART")))
}

/// Returns the bytes of a sector of the FAT file system that begins here.
fn fat_sector(start: &[u8]) -> Option<u64> {
    let is_fat = start.get(510..512) == Some(&[0x55, 0xaa])
        && (start.get(82..85) == Some(b"FAT") || start.get(54..57) == Some(b"FAT"));
    let bytes = start.get(11..13)?.first_chunk::<2>()?;
    is_fat.then(|| u64::from(u16::from_le_bytes(*bytes)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sectors_of_a_fat_are_read_from_its_first() {
        let mut start = vec![0; 512];
        assert_eq!(fat_sector(&start), None);
        start[510..].copy_from_slice(&[0x55, 0xaa]);
        start[11..13].copy_from_slice(&4096_u16.to_le_bytes());
        assert_eq!(fat_sector(&start), None);
        start[82..87].copy_from_slice(b"FAT32");
        assert_eq!(fat_sector(&start), Some(4096));
        assert_eq!(fat_sector(&start[..20]), None);
    }
}

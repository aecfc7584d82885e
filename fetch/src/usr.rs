//! Makes `/usr` block by block. Each is proven by the hash tree before it is passed on, wherever it comes from.

use std::io::Write;

use anyhow::{Context as _, Result, bail};
use pattern::delta::BLOCK;
use pattern::delta::patch::Table;
use pattern::delta::plan::Source;

use crate::offered::{Offered, size};
use crate::pieces::Pieces;

pub(crate) struct Usr<'a> {
    of: &'a Offered,
    patch: Pieces<'a>,
    packed: Pieces<'a>,
    /// The segment that was unpacked last. Nothing if it could not be.
    segment: Option<(u32, Option<Vec<u8>>)>,
    /// The group that was unpacked last.
    group: Option<(usize, Vec<u8>)>,
}

impl<'a> Usr<'a> {
    pub(crate) fn new(of: &'a Offered) -> Self {
        let name = of.offer.patch.as_ref().map_or("", |patched| patched.pieces.as_str());
        Self {
            of,
            patch: Pieces::new(&of.web, name, of.parts.patch.iter().cloned()),
            packed: Pieces::new(&of.web, &of.offer.blocks, of.parts.packed.iter().cloned()),
            segment: None,
            group: None,
        }
    }

    /// Writes all blocks in their order.
    ///
    /// # Errors
    /// When a block can be had nowhere, or the reader is gone.
    pub(crate) fn write(mut self, to: &mut dyn Write) -> Result<()> {
        for (block, source) in self.of.parts.sources.iter().enumerate() {
            let there = match source {
                Source::Target => self
                    .of
                    .target
                    .as_ref()
                    .and_then(|slot| slot.block(block as u64))
                    .map(|block| block.to_vec()),
                Source::Running(place) => {
                    self.of.running.block(u64::from(*place)).map(|block| block.to_vec())
                }
                Source::Patch(segment, number) => self.patched(*segment, *number)?,
                Source::Packed(..) => None,
            };
            // What the disk should have may be damaged, or be gone meanwhile. The server has every block.
            match there.filter(|bytes| self.of.tree.proves(block, bytes)) {
                Some(bytes) => to.write_all(&bytes)?,
                None => to.write_all(self.packed(block)?)?,
            }
        }
        Ok(())
    }

    /// Returns a block of a segment, or nothing if the older material is not what the patch was made with.
    fn patched(&mut self, segment: u32, number: u32) -> Result<Option<Vec<u8>>> {
        let Some(table) = &self.of.usr else { return Ok(None) };
        if self.segment.as_ref().is_none_or(|(last, _)| *last != segment) {
            let content = self.unpacked(table, segment)?;
            self.segment = Some((segment, content));
        }
        let content = self.segment.as_ref().and_then(|(_, content)| content.as_ref());
        let start = size(number) * BLOCK;
        Ok(content.and_then(|content| content.get(start..start + BLOCK)).map(<[u8]>::to_vec))
    }

    fn unpacked(&mut self, table: &Table, segment: u32) -> Result<Option<Vec<u8>>> {
        let Some(segment) = table.segments.get(size(segment)) else { return Ok(None) };
        let packed = self.patch.get(&segment.piece.place)?;
        let old = segment.old.iter().map(|range| {
            self.of.running.read(u64::from(range.start) * BLOCK as u64, range.len() * BLOCK).ok()
        });
        let old = old.collect::<Option<Vec<_>>>().map(|parts| parts.concat());
        Ok(old.and_then(|old| segment.piece.open(&packed, &old).ok()))
    }

    /// Returns a block of the packed ones.
    fn packed(&mut self, block: usize) -> Result<&[u8]> {
        let index = &self.of.index;
        let (group, number) = index.group_of(block);
        if self.group.as_ref().is_none_or(|(last, _)| *last != group) {
            let piece = index.groups.get(group).context("the index has no such block")?;
            let content = piece.open(&self.packed.get(&piece.place)?, &[]);
            let content = content.map_err(anyhow::Error::msg).with_context(|| self.refused(block))?;
            self.group = Some((group, content));
        }
        let content = self.group.as_ref().map_or(&[][..], |(_, content)| content);
        let bytes = content.get(number * BLOCK..(number + 1) * BLOCK).unwrap_or_default();
        if !self.of.tree.proves(block, bytes) {
            bail!("{}: it is not what the hash tree says", self.refused(block));
        }
        Ok(bytes)
    }

    fn refused(&self, block: usize) -> String {
        format!(
            "block {block} of {} was refused, and not written: {}",
            self.of.offer.usr, self.of.offer.blocks
        )
    }
}

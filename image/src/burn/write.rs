//! Writes an image to a disk, and reads it back.
//!
//! 1. What a former system left at the places where somebody looks is cleared, then both ends of the disk.
//! 2. The partitions are written, and read back.
//! 3. The partition table comes last: its backup, then the primary, each read back.
//!
//! So a disk that was not finished has no table, and nothing starts from it.

use std::io::Read;
use std::path::Path;

use anyhow::{Context as _, Result, bail};
use pattern::table::{Amount, Fitted, LEAD};
use sha2::{Digest as _, Sha256};

use super::buffer::{Buffer, CHUNK};
use super::contents::Thing;
use super::progress::Progress;
use super::target::Target;
use crate::host::screen::Screen;
use crate::host::signals;

/// What is written around the partitions, and where.
pub(super) struct Job<'a> {
    pub(super) fitted: &'a Fitted,
    pub(super) target: &'a Target,
    /// For messages.
    pub(super) path: &'a Path,
    pub(super) screen: Screen,
}

/// Sums of the chunks that were written.
type Sums = Vec<[u8; 32]>;

impl Job<'_> {
    /// Burns an image whose partitions are read from `content` to a disk that held `former`.
    ///
    /// # Errors
    /// When the disk or the image fails, or the disk does not keep what was written. The disk has no table then, if it still
    /// can be written.
    pub(super) fn run(&self, former: &[Thing], content: &mut dyn Read) -> Result<()> {
        let cleared = self.clear(former);
        let written = cleared.and_then(|()| self.partitions(content)).and_then(|()| self.table());
        written.map_err(|error| {
            let disk = self.path.display();
            let state = match self.clear_ends() {
                Ok(()) => {
                    format!("{disk} is not finished: it has no partition table, and nothing starts from it")
                }
                Err(_) => format!("{disk} is not finished: do not start a machine from it"),
            };
            error.context(state)
        })
    }

    /// Clears what a former system left. Its table goes last: if this is cut off, it can be done again.
    fn clear(&self, former: &[Thing]) -> Result<()> {
        let size = self.target.size;
        for part in former.iter().map(|thing| &thing.part) {
            let end = part.start.saturating_add(part.size).min(size);
            for start in [part.start, end.saturating_sub(LEAD)] {
                self.zero(start, end.min(start.saturating_add(LEAD)))?;
            }
        }
        self.target.flush()?;
        self.clear_ends()
    }

    fn clear_ends(&self) -> Result<()> {
        self.zero(0, LEAD)?;
        self.zero(self.tail(), self.target.size)?;
        self.target.flush()
    }

    /// Writes the partitions, and reads them back.
    fn partitions(&self, content: &mut dyn Read) -> Result<()> {
        let end = self.fitted.table.partitions_end();
        let sums = self.copy(content, end)?;
        self.read_back(&sums, end)
    }

    /// Writes both copies of the table, and reads them back.
    fn table(&self) -> Result<()> {
        self.keep(self.fitted.backup_at, &self.fitted.backup)?;
        self.keep(0, &self.fitted.lead)
    }

    /// Returns where the last mebibyte begins.
    fn tail(&self) -> u64 {
        self.target.size.saturating_sub(LEAD) / self.target.sector * self.target.sector
    }

    fn zero(&self, start: u64, end: u64) -> Result<()> {
        let sector = self.target.sector;
        let (start, end) = (start / sector * sector, end / sector * sector);
        let length = usize::try_from(end.saturating_sub(start)).unwrap_or_default();
        if length == 0 { Ok(()) } else { self.target.zero(start, length) }
    }

    fn copy(&self, content: &mut dyn Read, end: u64) -> Result<Sums> {
        let mut progress = Progress::new(self.screen, self.path, "writing", end - LEAD);
        let mut sums = Sums::new();
        for offset in chunks(end) {
            signals::refuse_to_go_on()?;
            let mut chunk = Buffer::new(length(offset, end));
            content
                .read_exact(chunk.bytes_mut())
                .context("reading the image: it ends early: is it damaged?")?;
            if chunk.is_zero() {
                self.target.zero(offset, chunk.bytes().len())?;
            } else {
                self.target.write(offset, &chunk)?;
            }
            sums.push(Sha256::digest(chunk.bytes()).into());
            progress.at(offset - LEAD);
        }
        self.target.flush()?;
        progress.end("written");
        Ok(sums)
    }

    fn read_back(&self, sums: &Sums, end: u64) -> Result<()> {
        let mut progress = Progress::new(self.screen, self.path, "reading back", end - LEAD);
        for (offset, sum) in chunks(end).zip(sums) {
            let mut chunk = Buffer::new(length(offset, end));
            self.target.read(offset, &mut chunk)?;
            if Sha256::digest(chunk.bytes())[..] != sum[..] {
                return self.bad(offset);
            }
            progress.at(offset - LEAD);
        }
        // A medium that is smaller than it says writes over its start again, and shows that here.
        let tail = self.tail().max(end.next_multiple_of(self.target.sector));
        let mut last =
            Buffer::new(usize::try_from(self.target.size.saturating_sub(tail)).unwrap_or_default());
        self.target.read(tail, &mut last)?;
        if !last.is_zero() {
            return self.bad(tail);
        }
        progress.end(if self.target.direct { "read back" } else { "read back from the kernel's cache" });
        Ok(())
    }

    /// Writes bytes, and reads them back from the medium.
    fn keep(&self, offset: u64, bytes: &[u8]) -> Result<()> {
        self.target.write(offset, &Buffer::of(bytes))?;
        self.target.flush()?;
        let mut back = Buffer::new(bytes.len());
        self.target.read(offset, &mut back)?;
        if back.bytes() == bytes { Ok(()) } else { self.bad(offset) }
    }

    fn bad(&self, offset: u64) -> Result<()> {
        bail!(
            "{} does not keep what is written to it: at {} it has something else; it is worn out, or smaller than it says: \
             take another one",
            self.path.display(),
            Amount(offset)
        )
    }
}

/// Returns where the chunks of the partitions begin.
fn chunks(end: u64) -> impl Iterator<Item = u64> {
    (LEAD..end).step_by(CHUNK)
}

fn length(offset: u64, end: u64) -> usize {
    usize::try_from(end - offset).unwrap_or(CHUNK).min(CHUNK)
}

#[cfg(test)]
mod tests;

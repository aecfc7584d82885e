//! Makes the kernel image: of the running one and a patch, or as the server has it. Its sum proves it, which
//! systemd-sysupdate compares before the file gets its name.

use std::io::{self, Write};

use anyhow::{Context as _, Result};
use pattern::delta::patch::{From, Table};

use crate::disk::Slot;
use crate::offered::{Offered, range, size};
use crate::pieces::Pieces;

/// Writes the kernel image.
///
/// # Errors
/// When it can't be made or fetched, or the reader is gone.
pub(crate) fn write(of: &Offered, to: &mut impl Write) -> Result<()> {
    match (&of.kernel, &of.offer.patch) {
        (Some((table, old)), Some(patched)) => {
            let pieces = Pieces::new(&of.web, &patched.pieces, range(table));
            patched_from(table, old, pieces, to)
        }
        _ => whole(of, to),
    }
}

/// Fetches it. A connection that breaks off goes on where it ended, once.
fn whole(of: &Offered, to: &mut impl Write) -> Result<()> {
    let name = &of.offer.kernel.name;
    let mut counted = Counted { to, count: 0 };
    let first = io::copy(&mut of.web.from(name, 0)?, &mut counted);
    if first.is_err() {
        let start = counted.count;
        io::copy(&mut of.web.from(name, start)?, &mut counted).with_context(|| format!("fetching {name}"))?;
    }
    Ok(())
}

fn patched_from(table: &Table, old: &Slot, mut pieces: Pieces, to: &mut impl Write) -> Result<()> {
    let mut last: Option<(usize, Vec<u8>)> = None;
    for part in table.parts() {
        match part.from {
            From::Old(start) => {
                let bytes =
                    old.read(u64::from(start), part.new.len()).context("reading the running kernel image")?;
                to.write_all(&bytes)?;
            }
            From::Segment(index, start) => {
                if last.as_ref().is_none_or(|(unpacked, _)| *unpacked != index) {
                    last = Some((index, unpacked(table, index, old, &mut pieces)?));
                }
                let content = last.as_ref().map_or(&[][..], |(_, content)| content);
                let start = size(start);
                to.write_all(
                    content
                        .get(start..start + part.new.len())
                        .context("a segment of the patch is too short")?,
                )?;
            }
        }
    }
    Ok(())
}

fn unpacked(table: &Table, index: usize, old: &Slot, pieces: &mut Pieces) -> Result<Vec<u8>> {
    let segment = table.segments.get(index).context("the patch has no such segment")?;
    let parts = segment.old.iter().map(|range| old.read(u64::from(range.start), range.len()));
    let before = parts.collect::<io::Result<Vec<_>>>().context("reading the running kernel image")?.concat();
    let packed = pieces.get(&segment.piece.place)?;
    segment.piece.open(&packed, &before).map_err(anyhow::Error::msg).context("the patch of the kernel image")
}

struct Counted<W> {
    to: W,
    count: u64,
}

impl<W: Write> Write for Counted<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.to.write(bytes)?;
        self.count += count as u64;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}

//! Makes the kernel image: of the running one and a patch, or as the server has it. Its sum proves it, which
//! systemd-sysupdate compares before the file gets its name.

use std::io::{self, Write};
use std::ops::Range;

use anyhow::Result;
use pattern::delta::patch::{From, Table};
use pattern_serve::Counted;

use crate::disk::Slot;
use crate::offered::{Offered, range, size};
use crate::pieces::Pieces;

/// Writes the kernel image.
///
/// # Errors
/// When it can't be made or fetched, or the reader is gone.
pub(crate) fn write(of: &Offered, to: &mut dyn Write) -> Result<()> {
    match (&of.kernel, &of.offer.patch) {
        (Some((table, old)), Some(patched)) => {
            let pieces = Pieces::new(&of.web, &patched.pieces, range(table));
            Patched { of, table, old, pieces, last: None }.write(to)
        }
        _ => whole(of, to),
    }
}

/// Fetches it. A connection that breaks off goes on where it ended, as long as each brings something.
fn whole(of: &Offered, to: &mut dyn Write) -> Result<()> {
    let name = &of.offer.kernel.name;
    let mut counted = Counted { to, count: 0 };
    loop {
        let before = counted.count;
        let fetched = of.web.from(name, before).and_then(|mut from| Ok(io::copy(&mut from, &mut counted)?));
        match fetched {
            Err(error) if counted.count == before => return Err(error.context(format!("fetching {name}"))),
            Err(_) => {}
            Ok(_) => return Ok(()),
        }
    }
}

/// The running kernel image and a patch.
struct Patched<'a> {
    of: &'a Offered,
    table: &'a Table,
    old: &'a Slot,
    pieces: Pieces<'a>,
    /// The segment that was unpacked last. Nothing if it could not be.
    last: Option<(usize, Option<Vec<u8>>)>,
}

impl Patched<'_> {
    fn write(mut self, to: &mut dyn Write) -> Result<()> {
        for part in self.table.parts() {
            let made = match part.from {
                From::Old(start) => self.old.read(u64::from(start), part.new.len()).ok(),
                From::Segment(index, start) => self.segment(index, size(start), part.new.len()),
            };
            match made {
                Some(bytes) => to.write_all(&bytes)?,
                None => to.write_all(&self.fetched(&part.new)?)?,
            }
        }
        Ok(())
    }

    /// Returns bytes of a segment, or nothing if the patch is missing or wrong.
    fn segment(&mut self, index: usize, start: usize, length: usize) -> Option<Vec<u8>> {
        if self.last.as_ref().is_none_or(|(unpacked, _)| *unpacked != index) {
            self.last = Some((index, self.unpacked(index)));
        }
        let (_, content) = self.last.as_ref()?;
        content.as_ref()?.get(start..start.checked_add(length)?).map(<[u8]>::to_vec)
    }

    fn unpacked(&mut self, index: usize) -> Option<Vec<u8>> {
        let segment = self.table.segments.get(index)?;
        let parts = segment.old.iter().map(|range| self.old.read(u64::from(range.start), range.len()));
        let before = parts.collect::<io::Result<Vec<_>>>().ok()?.concat();
        segment.piece.open(&self.pieces.get(&segment.piece.place).ok()?, &before).ok()
    }

    /// Fetches a part of the kernel image itself.
    fn fetched(&self, place: &Range<u32>) -> Result<Vec<u8>> {
        let place = u64::from(place.start)..u64::from(place.end);
        Pieces::new(&self.of.web, &self.of.offer.kernel.name, None).get(&place)
    }
}

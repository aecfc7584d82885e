//! A disk in memory that has only what was written. Everything else reads as zeros.

use std::io::{self, Read, Seek, SeekFrom};

/// Bytes of the entries of one copy: 128 entries of 128 bytes.
pub(super) const ARRAY: u64 = 128 * 128;

#[derive(Clone)]
pub(super) struct Disk {
    pub(super) sector_size: u64,
    pub(super) sectors: u64,
    /// Offset and bytes of each write. A later one covers an earlier one.
    written: Vec<(u64, Vec<u8>)>,
    position: u64,
}

impl Disk {
    pub(super) fn new(sector_size: u64, sectors: u64) -> Self {
        Self { sector_size, sectors, written: Vec::new(), position: 0 }
    }

    pub(super) fn size(&self) -> u64 {
        self.sectors * self.sector_size
    }

    /// Returns the sectors of the entries of one copy.
    pub(super) fn array_sectors(&self) -> u64 {
        ARRAY / self.sector_size
    }

    pub(super) fn put(&mut self, offset: u64, bytes: &[u8]) {
        self.written.push((offset, bytes.to_vec()));
    }

    /// Returns the bytes at an offset, or `None` if they are not all on the disk.
    pub(super) fn get(&self, offset: u64, length: u64) -> Option<Vec<u8>> {
        let end = offset.checked_add(length).filter(|end| *end <= self.size())?;
        let mut bytes = vec![0; (end - offset) as usize];
        self.look(offset, &mut bytes);
        Some(bytes)
    }

    fn look(&self, offset: u64, bytes: &mut [u8]) {
        bytes.fill(0);
        let end = offset + bytes.len() as u64;
        for (start, data) in &self.written {
            let (first, last) = (offset.max(*start), end.min(start + data.len() as u64));
            if first < last {
                let part = |from: u64| (first - from) as usize..(last - from) as usize;
                bytes[part(offset)].copy_from_slice(&data[part(*start)]);
            }
        }
    }
}

impl Seek for Disk {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let position = match to {
            SeekFrom::Start(position) => Some(position),
            SeekFrom::End(by) => self.size().checked_add_signed(by),
            SeekFrom::Current(by) => self.position.checked_add_signed(by),
        };
        self.position = position.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.position)
    }
}

impl Read for Disk {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let room = self.size().saturating_sub(self.position);
        let length = bytes.len().min(usize::try_from(room).unwrap_or(usize::MAX));
        self.look(self.position, &mut bytes[..length]);
        self.position += length as u64;
        Ok(length)
    }
}

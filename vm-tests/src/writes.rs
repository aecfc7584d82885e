//! Everything that a running machine wrote to its disk, in order, and the disk after each possible
//! power cut.
//!
//! QEMU records it in the format of the kernel's dm-log-writes (Linux,
//! Documentation/admin-guide/device-mapper/log-writes.rst; `drivers/md/dm-log-writes.c`).

use std::fs::File;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use crate::disk::Disk;

const MAGIC: u64 = 0x006a_7366_7773_6872;
const FLUSH: u64 = 1;
const DISCARD: u64 = 4;

/// A recording: the original disk, and everything that was written since.
#[derive(Debug)]
pub struct Writes {
    folder: PathBuf,
}

/// The events after which the power is cut.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Each {
    /// After each flush, which is what the guest may rely on.
    Flush,
    /// Also after each single write, as if the disk stored writes in the order in which it
    /// completed them.
    Write,
}

impl Writes {
    /// Copies the disk, and makes an empty file for QEMU's record.
    pub(crate) fn start(folder: &Path, disk: &Disk) -> Self {
        let writes = Self { folder: folder.to_owned() };
        drop(disk.copy_to(&writes.before()));
        File::create(writes.log()).expect("creating a file for a record of writes");
        writes
    }

    pub(crate) fn log(&self) -> PathBuf {
        self.folder.join("writes")
    }

    fn before(&self) -> PathBuf {
        self.folder.join("before.raw")
    }

    /// Returns all cuts. The machine must be off. The first cut is before any write.
    #[must_use]
    pub fn cuts(&self, each: Each) -> Cuts {
        let log = File::open(self.log()).expect("opening the record of writes");
        let disk = Disk::open(&self.before()).copy_to(&self.folder.join("cut.raw"));
        Cuts { records: records(&log), log, disk, each, next: None }
    }
}

/// A disk that moves from one cut to the next.
#[derive(Debug)]
pub struct Cuts {
    records: Vec<Record>,
    log: File,
    disk: Disk,
    each: Each,
    /// The next record. `None` before the first cut.
    next: Option<usize>,
}

impl Cuts {
    /// Moves to the next cut at which the disk differs. Returns the written bytes, which at the
    /// first cut are the whole disk. Returns `None` after the last cut.
    pub fn advance(&mut self) -> Option<Vec<Range<u64>>> {
        let Some(mut next) = self.next else {
            self.next = Some(0);
            return Some(vec![Range { start: 0, end: self.disk.size() }]);
        };
        let mut written = Vec::new();
        while let Some(record) = self.records.get(next) {
            next += 1;
            if record.what != What::Flush {
                self.apply(record);
                written.push(record.extent.clone());
            }
            if !written.is_empty() && (record.what == What::Flush || self.each == Each::Write) {
                break;
            }
        }
        self.next = Some(next);
        (!written.is_empty()).then_some(written)
    }

    fn apply(&self, record: &Record) {
        match record.what {
            What::Data(at) => self.disk.write_from(&self.log, at, record.extent.clone()),
            What::Discard => self.disk.clear(record.extent.clone()),
            What::Flush => {}
        }
    }

    /// Returns the disk after the cut.
    #[must_use]
    pub fn disk(&self) -> &Disk {
        &self.disk
    }

    /// Returns the position of this cut, for messages.
    #[must_use]
    pub fn place(&self) -> String {
        format!("after {} of {} writes and flushes", self.next.unwrap_or(0), self.records.len())
    }
}

/// One entry of the record.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Record {
    /// The bytes of the disk that it changes.
    extent: Range<u64>,
    what: What,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum What {
    /// Writes the bytes at this position of the log.
    Data(u64),
    Discard,
    Flush,
}

/// Parses the log: one sector describes it, then each entry has one sector, followed by its data.
fn records(log: &File) -> Vec<Record> {
    let [magic, version, count, sector] = numbers(log, 0);
    assert_eq!(
        (magic, version),
        (MAGIC, 1),
        "no record of writes: was the machine switched off before a flush?"
    );
    let sector = sector & u64::from(u32::MAX);
    let mut at = sector;
    let mut next = || {
        let [start, length, flags, _] = numbers(log, at);
        let data = at + sector;
        let what = match flags {
            0 => What::Data(data),
            FLUSH => What::Flush,
            DISCARD => What::Discard,
            flags => panic!("the entry at {at} of the record of writes has the unknown flags {flags:#x}"),
        };
        at = if matches!(what, What::Data(_)) { data + length * sector } else { data };
        Record { extent: start * sector..(start + length) * sector, what }
    };
    (0..count).map(|_| next()).collect()
}

/// Reads four numbers of eight bytes.
fn numbers(log: &File, at: u64) -> [u64; 4] {
    let mut bytes = [0; 32];
    // A log that ends early, even an empty one, reads as zeros there.
    log.read_at(&mut bytes, at).expect("reading the record of writes");
    let number = |index: usize| {
        let bytes = bytes[index * 8..][..8].iter();
        bytes.rev().fold(0, |value, byte| value << 8 | u64::from(*byte))
    };
    [number(0), number(1), number(2), number(3)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use pattern_image::host::temporary;
    use std::fs;

    fn sector(numbers: [u64; 4]) -> Vec<u8> {
        let mut bytes = numbers.map(u64::to_le_bytes).concat();
        bytes.resize(512, 0);
        bytes
    }

    /// Makes a recording on a disk of four sectors of the letter d: two writes and a flush, a
    /// discard and two flushes, and a last write.
    fn recording(folder: &Path) -> Writes {
        fs::write(folder.join("disk"), vec![b'd'; 2048]).unwrap();
        let writes = Writes::start(folder, &Disk::open(&folder.join("disk")));
        let log = [
            sector([MAGIC, 1, 7, 512]),
            sector([0, 1, 0, 0]),
            vec![b'1'; 512],
            sector([2, 2, 0, 0]),
            vec![b'2'; 1024],
            sector([0, 0, FLUSH, 0]),
            sector([1, 2, DISCARD, 0]),
            sector([0, 0, FLUSH, 0]),
            sector([0, 0, FLUSH, 0]),
            sector([3, 1, 0, 0]),
            vec![b'3'; 512],
        ];
        fs::write(writes.log(), log.concat()).unwrap();
        writes
    }

    /// Returns the first letter of each sector, and how many extents were written, at each cut.
    fn walk(each: Each) -> Vec<(String, usize)> {
        let folder = temporary::folder().unwrap();
        let writes = recording(folder.path());
        let mut cuts = writes.cuts(each);
        let mut states = Vec::new();
        while let Some(written) = cuts.advance() {
            let bytes = cuts.disk().read(0, 2048);
            let letters = bytes.chunks(512).map(|sector| char::from(sector[0].max(b'0'))).collect();
            states.push((letters, written.len()));
        }
        states
    }

    fn state(letters: &str, written: usize) -> (String, usize) {
        (letters.to_owned(), written)
    }

    #[test]
    fn a_cut_after_each_flush_and_after_the_last_write() {
        let wanted = [state("dddd", 1), state("1d22", 2), state("1002", 1), state("1003", 1)];
        assert_eq!(walk(Each::Flush), wanted);
    }

    #[test]
    fn a_cut_after_each_write() {
        let states = walk(Each::Write);
        assert_eq!(states[1..3], [state("1ddd", 1), state("1d22", 1)]);
        assert_eq!(states.len(), 5);
    }

    #[test]
    #[should_panic(expected = "no record of writes")]
    fn an_empty_log_is_no_record() {
        let folder = temporary::folder().unwrap();
        let writes = recording(folder.path());
        fs::write(writes.log(), "").unwrap();
        drop(writes.cuts(Each::Flush));
    }
}

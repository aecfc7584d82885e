//! A disk image, looked at and damaged while its computer is off.
//!
//! It reads the partition table by itself, so that a mistake of the code under test can't hide itself here.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;

const SECTOR: u64 = 512;
const MIB: u64 = 1 << 20;

/// An open disk image.
#[derive(Debug)]
pub struct Disk(File);

/// A partition: where it starts and how long it is, in bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Partition {
    /// Its first byte.
    pub start: u64,
    /// How many it has.
    pub length: u64,
}

impl Disk {
    pub(crate) fn open(path: &Path) -> Self {
        let file = File::options().read(true).write(true).open(path);
        Self(file.expect("opening the disk image"))
    }

    /// Both copies of the partition table and what is beside them: the first and the last MiB.
    #[must_use]
    pub fn table(&self) -> Vec<u8> {
        let size = self.0.metadata().expect("reading the disk's size").len();
        [self.read(0, MIB), self.read(size - MIB, MIB)].concat()
    }

    /// The labels in the order of the table (UEFI 2.10, 5.3.3 "GPT Partition Entry Array").
    #[must_use]
    pub fn labels(&self) -> Vec<String> {
        self.entries().into_iter().map(|(label, _)| label).collect()
    }

    /// The first partition with this label.
    #[must_use]
    pub fn partition(&self, label: &str) -> Partition {
        let found = self.entries().into_iter().find(|(name, _)| name == label);
        found.unwrap_or_else(|| panic!("no partition has the label {label:?}: {:?}", self.labels())).1
    }

    /// Where the last block with content of a partition lies on the disk.
    #[must_use]
    pub fn last_block(&self, partition: Partition) -> u64 {
        let blocks = (0..partition.length / 4096).rev().map(|block| partition.start + block * 4096);
        let filled = |start: &u64| self.read(*start, 4096).iter().any(|byte| *byte != 0);
        blocks.into_iter().find(filled).expect("a block with content")
    }

    fn entries(&self) -> Vec<(String, Partition)> {
        let array = self.read(2 * SECTOR, 128 * 128);
        array.chunks_exact(128).filter(|entry| entry[..16] != [0; 16]).map(entry).collect()
    }

    /// Reads bytes.
    #[must_use]
    pub fn read(&self, start: u64, length: u64) -> Vec<u8> {
        let mut bytes = vec![0; usize::try_from(length).expect("a length that fits in memory")];
        self.0.read_exact_at(&mut bytes, start).expect("reading the disk");
        bytes
    }

    /// Writes bytes.
    pub fn write(&self, start: u64, bytes: &[u8]) {
        self.0.write_all_at(bytes, start).expect("writing the disk");
    }
}

fn entry(bytes: &[u8]) -> (String, Partition) {
    let number =
        |at: usize| bytes[at..at + 8].iter().rev().fold(0, |value, byte| value << 8 | u64::from(*byte));
    let name = bytes[56..].chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]]));
    let name = name.take_while(|unit| *unit != 0).collect::<Vec<_>>();
    let (first, last) = (number(32), number(40));
    let partition = Partition { start: first * SECTOR, length: (last + 1 - first) * SECTOR };
    (String::from_utf16_lossy(&name), partition)
}

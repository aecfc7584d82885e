//! Reads and damages a disk image while its computer is off.

use std::fs::File;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use nix::fcntl::{FallocateFlags, fallocate};

use crate::gpt::{self, Entry, Partition};

/// The last block before the first partition may begin.
const MARK: u64 = MIB - 4096;
const MIB: u64 = 1 << 20;

/// Data is compared with it as a whole, which is fast in a debug build, too.
static ZEROS: [u8; MIB as usize] = [0; MIB as usize];

/// An open disk image.
#[derive(Debug)]
pub struct Disk {
    file: File,
    path: PathBuf,
}

impl Disk {
    /// Opens the disk image in this file.
    #[must_use]
    pub fn open(path: &Path) -> Self {
        let file = File::options().read(true).write(true).open(path);
        Self { file: file.expect("opening the disk image"), path: path.to_owned() }
    }

    /// Returns the path of its file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Copies the disk over an existing file. Holes are kept.
    #[must_use]
    pub(crate) fn copy_to(&self, path: &Path) -> Self {
        let mut copy = Command::new("cp");
        copy.args(["--reflink=auto", "--sparse=always", "--"]).arg(&self.path).arg(path);
        let status = copy.status().expect("starting cp");
        assert!(status.success(), "copying {} to {}", self.path.display(), path.display());
        Self::open(path)
    }

    pub(crate) fn size(&self) -> u64 {
        self.file.metadata().expect("reading the disk's size").len()
    }

    /// Returns both copies of the partition table and their surroundings: the first and the last
    /// MiB, without the block for the mark of a boot.
    #[must_use]
    pub fn table(&self) -> Vec<u8> {
        [self.read(0, MARK), self.read(self.size() - MIB, MIB)].concat()
    }

    /// Returns whether the mark of a boot is set, which has not ended in an orderly way.
    ///
    /// # Panics
    /// When something else is there.
    #[must_use]
    pub fn has_a_mark(&self) -> bool {
        let block = self.read(MARK, MIB - MARK);
        let is_set = block.starts_with(b"pattern-bootmark");
        assert!(is_set || block.iter().all(|byte| *byte == 0), "something else is in the place of the mark");
        is_set
    }

    /// Returns the labels in the order of the table (UEFI 2.10, 5.3.3 "GPT Partition Entry Array").
    #[must_use]
    pub fn labels(&self) -> Vec<String> {
        self.entries().into_iter().map(|entry| entry.label).collect()
    }

    /// Returns whether a partition with this label is in the first copy of the table, and in the
    /// second.
    #[must_use]
    pub fn lists(&self, label: &str) -> (bool, bool) {
        let second = gpt::second(self.size(), |start, length| self.read(start, length));
        let is_in = |entries: &[Entry]| entries.iter().any(|entry| entry.label == label);
        (is_in(&self.entries()), second.is_ok_and(|entries| is_in(&entries)))
    }

    /// Returns the first partition with this label.
    #[must_use]
    pub fn partition(&self, label: &str) -> Partition {
        let found = self.entries().into_iter().find(|entry| entry.label == label);
        let entry =
            found.unwrap_or_else(|| panic!("no partition has the label {label:?}: {:?}", self.labels()));
        entry.partition
    }

    /// Returns the partition of the installed version's `/usr`, whatever the version is called.
    #[must_use]
    pub fn usr(&self) -> Partition {
        let label = self.labels().into_iter().find(|label| label.starts_with("usr-"));
        self.partition(&label.expect("a partition with an installed /usr"))
    }

    /// Returns the partition's UUID in its usual text form.
    #[must_use]
    pub fn partition_uuid(&self, label: &str) -> String {
        let found = self.entries().into_iter().find(|entry| entry.label == label);
        let digits = format!("{:032X}", found.expect("a partition with this label").uuid);
        let parts = [&digits[..8], &digits[8..12], &digits[12..16], &digits[16..20], &digits[20..]];
        parts.join("-")
    }

    /// Returns the position on the disk of the last block with content of a partition.
    #[must_use]
    pub fn last_block(&self, partition: Partition) -> u64 {
        let blocks = (0..partition.length / 4096).rev().map(|block| partition.start + block * 4096);
        let filled = |start: &u64| self.read(*start, 4096) != ZEROS[..4096];
        blocks.into_iter().find(filled).expect("a block with content")
    }

    fn entries(&self) -> Vec<Entry> {
        self.partitions().unwrap_or_else(|wrong| panic!("{}: {wrong}", self.path.display()))
    }

    /// Returns the content of the table, or why it is not usable.
    pub(crate) fn partitions(&self) -> Result<Vec<Entry>, String> {
        gpt::read(self.size(), |start, length| self.read(start, length))
    }

    /// Reads bytes.
    #[must_use]
    pub fn read(&self, start: u64, length: u64) -> Vec<u8> {
        let mut bytes = vec![0; usize::try_from(length).expect("a length that fits in memory")];
        self.file.read_exact_at(&mut bytes, start).expect("reading the disk");
        bytes
    }

    /// Writes bytes.
    pub fn write(&self, start: u64, bytes: &[u8]) {
        self.file.write_all_at(bytes, start).expect("writing the disk");
    }

    /// Copies bytes of a file to this one. Zeros become a hole.
    pub(crate) fn write_from(&self, from: &File, mut at: u64, mut extent: Range<u64>) {
        let mut buffer = vec![0; ZEROS.len()];
        while !extent.is_empty() {
            let length = MIB.min(extent.end - extent.start);
            let piece = &mut buffer[..usize::try_from(length).expect("at most a MiB")];
            from.read_exact_at(piece, at).expect("reading what is to be copied to a disk");
            if *piece == ZEROS[..piece.len()] {
                self.clear(extent.start..extent.start + length);
            } else {
                self.write(extent.start, piece);
            }
            (at, extent.start) = (at + length, extent.start + length);
        }
    }

    /// Writes the only partition of a disk image.
    ///
    /// # Panics
    /// When it is longer than its place.
    pub fn write_partition(&self, place: Partition, from: &Path) {
        let from = Self::open(from);
        let [only] = &from.entries()[..] else { panic!("{}: one partition", from.path.display()) };
        let length = only.partition.length;
        assert!(length <= place.length, "{length} bytes do not fit into {}", place.length);
        self.write_from(&from.file, only.partition.start, place.start..place.start + length);
    }

    /// Restores what [`Disk::extract`] copied.
    pub fn insert(&self, place: Partition, from: &Path) {
        let from = File::open(from).expect("opening a partition's file");
        self.write_from(&from, 0, place.extent());
    }

    /// Makes bytes zero, with a hole.
    pub(crate) fn clear(&self, extent: Range<u64>) {
        let signed = |number: u64| i64::try_from(number).expect("an offset inside a file");
        let mode = FallocateFlags::FALLOC_FL_PUNCH_HOLE | FallocateFlags::FALLOC_FL_KEEP_SIZE;
        let punched = fallocate(&self.file, mode, signed(extent.start), signed(extent.end - extent.start));
        punched.expect("making a hole in the disk image");
    }

    /// Copies a partition to a file, with holes in place of zeros.
    pub fn extract(&self, partition: Partition, path: &Path) {
        let file = File::create(path).expect("creating a file for a partition");
        file.set_len(partition.length).expect("sizing a file for a partition");
        let copy = Self { file, path: path.to_owned() };
        copy.write_from(&self.file, partition.start, 0..partition.length);
    }
}

//! Makes a version of the older one and of what is fetched, by the library, and proves everything that docs/delta.md says. The fetched
//! bytes come from local files. `/usr` and the kernel image are written to files that are removed.

use std::fs::{self, File};
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use pattern::delta::index::Index;
use pattern::delta::patch::{Copied, Table};
use pattern::delta::piece::Piece;
use pattern::delta::plan::{Facts, Parts, Places, Plan, Source, plan};
use pattern::delta::tree::{Head, Tree};
use pattern::delta::{BLOCK, BLOCK_BYTES, Hash};
use sha2::{Digest as _, Sha256};

use crate::files::{Version, open, part, size};
use crate::how::How;

/// How much of a file is read at once.
const CHUNK: usize = 1 << 20;

/// What a decode works with.
pub struct Update<'a> {
    pub old: &'a Version,
    pub new: &'a Version,
    pub index: Index,
    /// How `/usr` and the kernel image are patched.
    pub patch: Option<(Option<Table>, Option<Table>)>,
}

/// Decodes, and prints the seconds of CPU and the peak of memory in bytes.
pub fn print(how: How, release: &str, old: &str, new: &str) {
    let [old, new] = [old, new].map(|folder| Version::find(Path::new(release), Path::new(folder)));
    let update = Update::read(how, &old, &new);
    let tree = update.tree();
    let (parts, _) = update.plan(&tree);
    update.usr(&tree, &parts);
    update.kernel();
    println!("{} {}", cpu(), peak());
}

impl<'a> Update<'a> {
    pub fn read(how: How, old: &'a Version, new: &'a Version) -> Self {
        let patch =
            (how == How::Patch).then(|| new.patch_index(old).0).map(|patch| (patch.usr, patch.kernel));
        Self { old, new, index: new.index().0, patch }
    }

    pub fn table(&self) -> Option<&Table> {
        self.patch.as_ref()?.0.as_ref()
    }

    pub fn kernel_table(&self) -> Option<&Table> {
        self.patch.as_ref()?.1.as_ref()
    }

    /// Fetches the hash tree, or makes it of the patch and the old blocks, and proves it.
    pub fn tree(&self) -> Tree {
        let bytes = match self.table() {
            Some(table) => self.made(table),
            None => {
                let blocks = self.new.blocks();
                self.index.tree.iter().flat_map(|piece| opened(piece, &blocks, &[])).collect()
            }
        };
        Tree::prove(&bytes, &self.index.root).unwrap()
    }

    /// Makes the tree, of which nothing but some hashes was fetched.
    fn made(&self, table: &Table) -> Vec<u8> {
        let blocks = self.index.usr.bytes / BLOCK_BYTES;
        let head = Head::new(self.index.uuid, self.index.salt.clone(), blocks).unwrap();
        let (patch, old) = (self.new.patch(self.old), open(&self.old.usr));
        let given = table.hashes.as_ref().map(|piece| opened(piece, &patch, &[])).unwrap_or_default();
        let hash = |block| Some(head.hash(&part(&old, place(block..block + 1))));
        let leaves = table.leaves(hash, given.as_chunks().0);
        Tree::new(head, leaves).unwrap().bytes().0
    }

    /// Decides what is fetched. The slot that is written has nothing yet. Returns how many blocks the old version lacks, too.
    pub fn plan(&self, tree: &Tree) -> (Parts, usize) {
        let old = open(&self.old.usr);
        let blocks = u32::try_from(size(&self.old.usr) / BLOCK_BYTES).unwrap();
        let running =
            Places::of((0..blocks).map(|block| tree.head().hash(&part(&old, place(block..block + 1)))));
        let running = running.unwrap();
        let [usr, verity, _] = self.new.whole();
        let facts = Facts {
            leaves: tree.leaves(),
            target: &|_| false,
            running: &running,
            index: &self.index,
            patch: self.table(),
            whole: usr + verity,
        };
        let missing = tree.leaves().iter().filter(|hash| running.of_block(hash).is_none()).count();
        match plan(facts) {
            Plan::Parts(parts) => (parts, missing),
            Plan::Whole => panic!("{}: the whole has fewer bytes than the parts", self.new.base),
        }
    }

    /// Writes `/usr`: each block is proven before. What is unpacked last stays, because the next block may lie in it, too.
    fn usr(&self, tree: &Tree, parts: &Parts) {
        let (old, blocks) = (open(&self.old.usr), self.new.blocks());
        let patch = self.table().map(|table| (table, self.new.patch(self.old)));
        let target = tempfile::tempfile().unwrap();
        let (mut at, mut content) = (None, Vec::new());
        for (number, source) in parts.sources.iter().enumerate() {
            let (piece, inner) = match *source {
                Source::Target => continue,
                Source::Running(block) => {
                    write(tree, &target, number, &part(&old, place(block..block + 1)));
                    continue;
                }
                Source::Patch(segment, inner) => ((true, segment), inner),
                Source::Packed(group, inner) => ((false, group), inner),
            };
            if at != Some(piece) {
                content = match piece {
                    (true, segment) => {
                        let (table, patch) = patch.as_ref().unwrap();
                        unpacked(table, segment as usize, patch, &old)
                    }
                    (false, group) => opened(&self.index.groups[group as usize], &blocks, &[]),
                };
                at = Some(piece);
            }
            write(tree, &target, number, &content[inner as usize * BLOCK..][..BLOCK]);
        }
        assert_eq!(sum(&target), self.index.usr.sum, "the sum of {}", self.new.base);
    }

    /// Writes the kernel image, of the patch or as it is.
    fn kernel(&self) {
        let target = tempfile::tempfile().unwrap();
        let Some(table) = self.kernel_table() else {
            io::copy(&mut open(&self.new.kernel), &mut &target).unwrap();
            return assert_eq!(sum(&target), self.new.kernel_sum(), "the kernel image of {}", self.new.base);
        };
        let (patch, old) = (self.new.patch(self.old), open(&self.old.kernel));
        for &Copied { new, old: from, count } in &table.copied {
            let bytes = part(&old, u64::from(from)..u64::from(from) + u64::from(count));
            target.write_all_at(&bytes, new.into()).unwrap();
        }
        for (index, segment) in table.segments.iter().enumerate() {
            let content = unpacked(table, index, &patch, &old);
            let mut rest = &content[..];
            for range in &segment.new {
                let (bytes, more) = rest.split_at(range.len());
                target.write_all_at(bytes, range.start.into()).unwrap();
                rest = more;
            }
        }
        assert_eq!(sum(&target), self.new.kernel_sum(), "the kernel image of {}", self.new.base);
    }
}

/// Unpacks a segment with its older material.
fn unpacked(table: &Table, segment: usize, patch: &File, old: &File) -> Vec<u8> {
    let segment = &table.segments[segment];
    let material = segment.old.iter().flat_map(|range| {
        let scale = table.unit.bytes() as u64;
        part(old, u64::from(range.start) * scale..u64::from(range.end) * scale)
    });
    opened(&segment.piece, patch, &material.collect::<Vec<u8>>())
}

fn opened(piece: &Piece, file: &File, old: &[u8]) -> Vec<u8> {
    piece.open(&part(file, piece.place.clone()), old).unwrap()
}

fn write(tree: &Tree, target: &File, number: usize, block: &[u8]) {
    assert!(tree.proves(number, block), "block {number} is another one");
    target.write_all_at(block, number as u64 * BLOCK_BYTES).unwrap();
}

fn sum(file: &File) -> Hash {
    let (mut sum, length) = (Sha256::new(), file.metadata().unwrap().len());
    for start in (0..length).step_by(CHUNK) {
        sum.update(part(file, start..length.min(start + CHUNK as u64)));
    }
    sum.finalize().into()
}

fn place(blocks: Range<u32>) -> Range<u64> {
    u64::from(blocks.start) * BLOCK_BYTES..u64::from(blocks.end) * BLOCK_BYTES
}

/// Seconds of CPU of this process, which has one thread (proc_pid_schedstat).
fn cpu() -> f64 {
    let text = fs::read_to_string("/proc/self/schedstat").unwrap();
    text.split(' ').next().unwrap().parse::<f64>().unwrap() / 1e9
}

/// The peak of this process's memory in bytes (proc_pid_status(5)).
fn peak() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() << 10
}

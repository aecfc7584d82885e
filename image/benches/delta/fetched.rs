//! What an update fetches.

use std::ops::Range;

use pattern::delta::plan::merge;

use crate::decode::Update;
use crate::files::{Version, size};
use crate::how::How;

/// Bytes and requests, without those of `SHA256SUMS` and its signature, which each way fetches.
#[derive(Clone, Copy, Debug)]
pub struct Fetched {
    pub bytes: u64,
    /// Of these, what the kernel image takes.
    pub kernel: u64,
    pub requests: usize,
    /// How many blocks the old version lacks.
    pub missing: usize,
}

impl Fetched {
    pub fn of(how: How, old: &Version, new: &Version) -> Self {
        let update = Update::read(how, old, new);
        let tree = update.tree();
        let (parts, missing) = update.plan(&tree);
        let of_tree = update.index.tree.iter().map(|piece| piece.place.clone());
        // With a patch the tree is made.
        let of_tree = of_tree.take(if update.table().is_some() { 0 } else { usize::MAX });
        let hashes = update.table().and_then(|table| table.hashes.as_ref()).map(|piece| piece.place.clone());
        let of_kernel: Vec<Range<u64>> = update
            .kernel_table()
            .into_iter()
            .flat_map(|table| table.segments.iter().map(|segment| segment.piece.place.clone()))
            .collect();
        let kernel = match update.kernel_table() {
            Some(_) => of_kernel.iter().map(|range| range.end - range.start).sum(),
            None => size(&new.kernel),
        };
        // The ranges of each file ascend: the tree is before the groups, and the hashes are between `/usr` and the kernel image.
        let packed: Vec<_> = of_tree.chain(parts.packed.clone()).collect();
        let patch: Vec<_> = parts.patch.iter().cloned().chain(hashes).chain(of_kernel).collect();
        let files = merge([patch, packed], usize::MAX);
        let indexes = new.index().1 + if how == How::Patch { new.patch_index(old).1 } else { 0 };
        let alone = if update.kernel_table().is_some() { 0 } else { kernel };
        let ranges = files.iter().flatten();
        Self {
            bytes: ranges.clone().map(|range| range.end - range.start).sum::<u64>() + indexes + alone,
            kernel,
            requests: ranges.count() + 1 + usize::from(how == How::Patch) + usize::from(alone > 0),
            missing,
        }
    }
}

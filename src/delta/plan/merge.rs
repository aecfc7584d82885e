//! Puts ranges of files together, so that they take few requests.

use std::ops::Range;

/// Merges the ranges of each file, which ascend, until all together are at most `most`, or one for each file. Ranges that touch
/// become one. Of the gaps between the others the smallest ones are fetched, too: no other choice has less waste.
#[must_use]
pub fn merge<const N: usize>(files: [Vec<Range<u64>>; N], most: usize) -> [Vec<Range<u64>>; N] {
    let files = files.map(|ranges| joined(ranges, 0));
    let count: usize = files.iter().map(Vec::len).sum();
    let mut gaps: Vec<u64> = files.iter().flat_map(|ranges| gaps(ranges)).collect();
    gaps.sort_unstable();
    let Some(smallest) = count.checked_sub(most.max(1)).and_then(|many| many.checked_sub(1)) else {
        return files;
    };
    let Some(largest) = gaps.get(smallest.min(gaps.len().saturating_sub(1))).copied() else { return files };
    // Gaps of that size may be more than needed: only so many of them are closed.
    let below = gaps.iter().filter(|gap| **gap < largest).count();
    let mut equal = (smallest + 1).saturating_sub(below);
    files.map(|ranges| closed(ranges, largest, &mut equal))
}

fn gaps(ranges: &[Range<u64>]) -> impl Iterator<Item = u64> {
    ranges.iter().zip(ranges.iter().skip(1)).map(|(one, next)| next.start.saturating_sub(one.end))
}

/// Puts ranges together that have gaps of at most this many bytes between them.
fn joined(ranges: Vec<Range<u64>>, most: u64) -> Vec<Range<u64>> {
    let mut all = usize::MAX;
    closed(ranges, most, &mut all)
}

/// Puts ranges together that have smaller gaps between them than `largest`, and the first `equal` of those with as large ones.
fn closed(ranges: Vec<Range<u64>>, largest: u64, equal: &mut usize) -> Vec<Range<u64>> {
    let mut merged: Vec<Range<u64>> = Vec::new();
    for range in ranges {
        let close = |gap: u64| {
            let is_one = gap == largest && *equal > 0;
            *equal -= usize::from(is_one);
            gap < largest || is_one
        };
        let gap = merged.last().map(|last| range.start.saturating_sub(last.end));
        match merged.last_mut().filter(|_| gap.is_some_and(close)) {
            Some(last) => last.end = last.end.max(range.end),
            None => merged.push(range),
        }
    }
    merged
}

#[cfg(test)]
mod tests;

//! Finds which blocks of a new version an old one has.

use std::collections::HashMap;
use std::ops::Range;

use super::Hash;
use super::patch::Copied;
use super::similar::ranges;

/// What an old version has of a new one.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Same {
    /// What it has.
    pub copied: Vec<Copied>,
    /// The blocks of the new version that it lacks.
    pub missing: Vec<Range<u32>>,
}

/// Compares the hashes of the blocks of two versions, which were made with the same salt. A run goes on as long as both
/// versions go on alike: each run is an entry of a table.
#[must_use]
pub fn same(new: &[Hash], old: &[Hash]) -> Same {
    let mut places = HashMap::new();
    for (place, hash) in (0_u32..).zip(old) {
        places.entry(hash).or_insert(place);
    }
    let at = |place: u32| usize::try_from(place).ok().and_then(|place| old.get(place));
    let (mut copied, mut missing): (Vec<Copied>, Vec<u32>) = (Vec::new(), Vec::new());
    for (number, hash) in (0_u32..).zip(new) {
        let goes_on =
            |last: &&mut Copied| last.new + last.count == number && at(last.old + last.count) == Some(hash);
        match (copied.last_mut().filter(goes_on), places.get(hash)) {
            (Some(last), _) => last.count += 1,
            (None, Some(place)) => copied.push(Copied { new: number, old: *place, count: 1 }),
            (None, None) => missing.push(number),
        }
    }
    Same { copied, missing: ranges(missing) }
}

/// Divides ranges into groups of at most `most` each, and cuts those that are too long.
#[must_use]
pub fn groups(ranges: &[Range<u32>], most: u32) -> Vec<Vec<Range<u32>>> {
    let mut groups: Vec<Vec<Range<u32>>> = Vec::new();
    let mut room = 0;
    for range in ranges {
        let mut start = range.start;
        while start < range.end {
            if room == 0 {
                groups.push(Vec::new());
                room = most.max(1);
            }
            let end = range.end.min(start.saturating_add(room));
            groups.last_mut().into_iter().for_each(|group| group.push(start..end));
            room -= end - start;
            start = end;
        }
    }
    groups
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hashes(numbers: &[u8]) -> Vec<Hash> {
        numbers.iter().map(|number| [*number; 32]).collect()
    }

    #[test]
    fn runs_go_on_and_what_is_new_is_missing() {
        // A zero stands at two places of the old version: the run decides which one is taken.
        let old = hashes(&[0, 1, 2, 0, 4, 5]);
        let found = same(&hashes(&[2, 0, 4, 9, 9, 0, 1, 5, 8]), &old);
        let copied = |new, old, count| Copied { new, old, count };
        assert_eq!(found.copied, [copied(0, 2, 3), copied(5, 0, 2), copied(7, 5, 1)]);
        assert_eq!(found.missing, [3..5, 8..9]);
        assert_eq!(same(&hashes(&[7]), &[]).missing, [0..1]);
    }

    #[test]
    fn long_ranges_are_cut_and_short_ones_put_together() {
        let all = groups(&[0..3, 5..6, 10..18], 5);
        assert_eq!(all, [vec![0..3, 5..6, 10..11], vec![11..16], vec![16..18]]);
        assert!(groups(&[], 5).is_empty());
    }
}

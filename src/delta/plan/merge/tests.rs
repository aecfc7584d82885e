//! Each result is compared with that of all choices of gaps.

use super::*;

/// Numbers that look random.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, most: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % most
    }

    /// Ranges that ascend, some of which touch.
    fn ranges(&mut self) -> Vec<Range<u64>> {
        let mut at = 0;
        let count = self.below(8);
        let mut range = || {
            let start = at + self.below(5);
            at = start + 1 + self.below(9);
            start..at
        };
        (0..count).map(|_| range()).collect()
    }
}

fn bytes(files: &[Vec<Range<u64>>; 2]) -> u64 {
    files.iter().flatten().map(|range| range.end - range.start).sum()
}

/// Closes the gaps whose bits are set.
fn choose(ranges: &[Range<u64>], bits: &mut u64) -> Vec<Range<u64>> {
    let mut merged: Vec<Range<u64>> = Vec::new();
    for range in ranges {
        let close = !merged.is_empty() && *bits & 1 == 1;
        *bits >>= u32::from(!merged.is_empty());
        match merged.last_mut().filter(|_| close) {
            Some(last) => last.end = range.end,
            None => merged.push(range.clone()),
        }
    }
    merged
}

/// The fewest bytes of all choices that take few enough requests.
fn fewest(files: &[Vec<Range<u64>>; 2], most: usize) -> Option<u64> {
    let gaps = files.iter().map(|ranges| ranges.len().saturating_sub(1)).sum::<usize>();
    let all = (0..1_u64 << gaps).map(|mut bits| files.clone().map(|ranges| choose(&ranges, &mut bits)));
    // A request that begins where another one ends is the same one.
    let requests = |files: &[Vec<Range<u64>>; 2]| {
        files.iter().map(|ranges| joined(ranges.clone(), 0).len()).sum::<usize>()
    };
    all.filter(|files| requests(files) <= most).map(|files| bytes(&files)).min()
}

#[test]
fn no_choice_of_gaps_has_less_waste() {
    let mut numbers = Numbers(1);
    let mut tight = 0;
    for _ in 0..400 {
        let files = [numbers.ranges(), numbers.ranges()];
        let most = 1 + usize::try_from(numbers.below(8)).unwrap();
        let merged = merge(files.clone(), most);
        let needs = files.iter().filter(|ranges| !ranges.is_empty()).count();
        let count = merged.iter().map(Vec::len).sum::<usize>();
        assert!(count <= most.max(needs), "{files:?} {most}: {merged:?}");
        for (ranges, merged) in files.iter().zip(&merged) {
            let within = |range: &Range<u64>, large: &&Range<u64>| {
                large.start <= range.start && range.end <= large.end
            };
            assert!(
                ranges.iter().all(|range| merged.iter().filter(|large| within(range, large)).count() == 1)
            );
            assert!(merged.windows(2).all(|two| two[0].end < two[1].start), "{merged:?}");
        }
        assert_eq!(bytes(&merged), fewest(&files, most.max(needs)).unwrap(), "{files:?} {most}");
        tight += usize::from(bytes(&merged) > bytes(&files));
    }
    assert!(tight > 100, "{tight} needed a gap");
}

#[test]
fn of_equal_gaps_no_more_are_closed_than_needed() {
    let ranges = vec![0..1, 2..3, 4..5, 6..7];
    assert_eq!(merge([ranges.clone()], 3), [vec![0..3, 4..5, 6..7]]);
    assert_eq!(merge([ranges.clone(), ranges.clone()], 5), [vec![0..7], ranges]);
    assert_eq!(merge([vec![0..1, 5..6], vec![3..4]], 1), [vec![0..6], vec![3..4]]);
    assert_eq!(merge([vec![]], 1), [vec![]]);
}

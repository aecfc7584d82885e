use super::*;
use crate::delta::BLOCK;
use crate::delta::index::Sum;
use crate::delta::patch::{Copied, Segment, Side, Unit};

/// A version of 10 blocks in groups of 2, each of which is packed to 100 bytes behind a tree of 10.
fn index() -> Index {
    let sum = Sum { bytes: 10 * 4096, sum: [0; 32] };
    let groups = (0..5).map(|group| Piece::of(&[1; 100], 10 + group * 100, 2 * BLOCK)).collect();
    let tree = vec![Piece::of(&[1; 10], 0, BLOCK)];
    Index {
        per_group: 2,
        usr: sum.clone(),
        verity: sum,
        root: [0; 32],
        uuid: [0; 16],
        salt: Vec::new(),
        tree,
        groups,
    }
}

/// Copies blocks 0 to 4, and makes 4 to 6 and 6 to 10 by two segments of 30 and 40 bytes.
fn table() -> Table {
    let side = Side { units: 10, id: [0; 32] };
    let segment = |new: Range<u32>, place: Range<u64>| Segment {
        old: Vec::new(),
        piece: Piece::of(
            &vec![1; usize::try_from(place.end - place.start).unwrap()],
            place.start,
            new.len() * BLOCK,
        ),
        new: vec![new],
    };
    Table {
        unit: Unit::Block,
        old: side,
        new: side,
        copied: vec![Copied { new: 0, old: 0, count: 4 }],
        segments: vec![segment(4..6, 0..30), segment(6..10, 30..70)],
        hashes: None,
    }
}

fn hash(number: u8) -> Hash {
    [number; 32]
}

/// What is planned if the running version has these blocks, and these lie in their places.
fn planned(running: &[u8], target: &[usize], patch: Option<&Table>, whole: u64) -> Plan {
    let leaves: Vec<Hash> = (0..10).map(hash).collect();
    let running = Places::of(running.iter().map(|number| hash(*number))).unwrap();
    let target = |block| target.contains(&block);
    plan(Facts { leaves: &leaves, target: &target, running: &running, index: &index(), patch, whole })
}

fn parts(plan: Plan) -> Parts {
    match plan {
        Plan::Parts(parts) => parts,
        Plan::Whole => panic!("the whole"),
    }
}

#[test]
fn what_lies_on_the_disk_is_not_fetched() {
    let all = parts(planned(&[9, 8, 7, 6, 5, 4, 3, 2], &[0, 1, 2], None, 1000));
    assert_eq!(all.sources[..4], [Source::Target, Source::Target, Source::Target, Source::Running(6)]);
    assert_eq!((all.bytes(), all.requests()), (0, 0));
    // The tail of the disk is known as well as the head: this is how a download goes on that was cut.
    let rest = parts(planned(&[], &[0, 1, 2, 3, 4, 6, 7], None, 1000));
    assert_eq!(
        rest.sources[5..10],
        [5, 0, 0, 8, 9].map(|block| match block {
            0 => Source::Target,
            block => Source::Packed(block / 2, block % 2),
        })
    );
    assert_eq!(rest.packed, [210..310, 410..510]);
}

#[test]
fn a_patch_is_taken_where_it_is_smaller() {
    let table = table();
    let patched = parts(planned(&[0, 1, 2, 3], &[], Some(&table), 1000));
    assert_eq!(
        patched.sources[3..7],
        [Source::Running(3), Source::Patch(0, 0), Source::Patch(0, 1), Source::Patch(1, 0)]
    );
    assert_eq!((patched.patch.as_slice(), patched.packed.as_slice()), (&[0..70][..], &[][..]));
    // A block of the old version that is damaged is not in its hashes.
    let damaged = parts(planned(&[0, 1, 3], &[], Some(&table), 1000));
    assert_eq!((damaged.sources[2], damaged.bytes()), (Source::Packed(1, 0), 170));
    // Where the rest of a download is smaller than the segments, the patch is left.
    let mut large = table.clone();
    large.segments[1].piece = Piece::of(&[1; 500], 30, 4 * BLOCK);
    let rest = parts(planned(&[0, 1, 2, 3, 4, 5], &[6, 7, 8], Some(&large), 1000));
    assert_eq!((rest.sources[9], rest.bytes()), (Source::Packed(4, 1), 100));
}

#[test]
fn never_more_than_the_whole_is_fetched() {
    assert_eq!(planned(&[], &[], None, 499), Plan::Whole);
    assert_eq!(parts(planned(&[], &[], None, 500)).packed, [10..510]);
}

#[test]
fn a_table_for_another_version_does_no_harm() {
    let mut other = table();
    other.segments[1].new = vec![1000..1004];
    let found = parts(planned(&[0, 1, 2, 3], &[], Some(&other), 1000));
    assert_eq!(found.sources[6], Source::Packed(3, 0));
}

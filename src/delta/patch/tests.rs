use super::*;
use crate::delta::BLOCK;
use crate::delta::piece::Piece;

/// `/usr` of 10 blocks, of which 0 to 4 and 7 are copied, and 4, 5, 6 and 8, 9 come in two segments.
fn usr() -> Table {
    let side = |units| Side { units, id: [8; 32] };
    let copied = |new, old, count| Copied { new, old, count };
    let first = Piece::of(&[1; 100], 0, 3 * BLOCK);
    let second = Piece::of(&[2; 50], 100, 2 * BLOCK);
    Table {
        unit: Unit::Block,
        old: side(9),
        new: side(10),
        copied: vec![copied(0, 2, 4), copied(7, 8, 1)],
        segments: vec![
            Segment { old: vec![0..2, 6..7], new: vec![4..6, 6..7], piece: first },
            Segment { old: vec![], new: vec![8..10], piece: second },
        ],
        hashes: Some(Piece::of(&[3; 5 * 32], 150, 5 * 32)),
    }
}

/// A kernel image of 1000 bytes, of which the first half is copied.
fn kernel() -> Table {
    let side = |units| Side { units, id: [9; 32] };
    let piece = Piece::of(&[4; 7], 310, 500);
    let copied = vec![Copied { new: 0, old: 1, count: 500 }];
    let segments = vec![Segment { old: vec![500..900], new: vec![500..1000], piece }];
    Table { unit: Unit::Byte, old: side(900), new: side(1000), copied, segments, hashes: None }
}

#[test]
fn an_index_is_read_as_it_was_written() {
    for patch in [
        Patch { usr: Some(usr()), kernel: Some(kernel()) },
        Patch { usr: Some(usr()), kernel: None },
        Patch::default(),
    ] {
        assert_eq!(Patch::parse(&patch.bytes()).unwrap(), patch);
    }
}

#[test]
fn every_part_of_the_new_version_has_one_source() {
    let part = |new, from| Part { new, from };
    assert_eq!(
        usr().parts(),
        [
            part(0..4, From::Old(2)),
            part(4..6, From::Segment(0, 0)),
            part(6..7, From::Segment(0, 2)),
            part(7..8, From::Old(8)),
            part(8..10, From::Segment(1, 0)),
        ]
    );
    assert_eq!(usr().missing().collect::<Vec<_>>(), [4..6, 6..7, 8..10]);
}

#[test]
fn the_hashes_of_all_blocks_come_from_both_versions() {
    let hash = |number: u8| [number; 32];
    let running = |block: u32| u8::try_from(block).ok().filter(|block| *block < 9).map(hash);
    let given = [100, 101, 102, 103, 104].map(hash);
    let all = [2, 3, 4, 5, 100, 101, 102, 8, 103, 104].map(hash);
    assert_eq!(usr().leaves(running, &given), all);
    // Too few on either side are too few in the end, which the tree refuses.
    assert_eq!(usr().leaves(running, &given[..4]).len(), 9);
    assert_eq!(usr().leaves(|block| running(block).filter(|_| block < 8), &given).len(), 9);
}

fn said(change: impl Fn(&mut Table)) -> String {
    let mut table = usr();
    change(&mut table);
    Patch::parse(&Patch { usr: Some(table), kernel: None }.bytes()).unwrap_err()
}

#[test]
fn what_contradicts_itself_is_refused() {
    assert_eq!(said(|usr| usr.copied[0].count = 3), "it does not say once what is at 3 of the new version");
    assert_eq!(said(|usr| usr.copied[0].count = 5), "it does not say once what is at 4 of the new version");
    assert_eq!(said(|usr| usr.copied[0].count = 0), "it does not say once what is at 0 of the new version");
    assert_eq!(said(|usr| usr.new.units = 11), "it makes 10 of the 11 units of the new version");
    assert_eq!(said(|usr| usr.copied.reverse()), "its places do not ascend");
    assert_eq!(said(|usr| usr.segments[0].new.reverse()), "its places do not ascend");
    let behind = "it takes something from behind the end of the old version";
    assert_eq!(said(|usr| usr.old.units = 8), behind);
    assert_eq!(said(|usr| usr.copied[0].old = u32::MAX), behind);
    assert_eq!(said(|usr| usr.segments[0].old[0].end = 10), behind);
    assert_eq!(said(|usr| usr.segments[0].old[0].start = 2), "a range is from 2 to 2");
    assert_eq!(said(|usr| usr.old.units = (1 << 28) + 1), "/usr has more than 268435456 blocks");
}

#[test]
fn a_segment_that_does_not_fit_into_memory_is_refused() {
    let most = u32::try_from(crate::delta::frame::WINDOW_MAX / BLOCK).unwrap();
    let large = said(|usr| {
        usr.old.units = most;
        usr.segments[0].old = vec![0..most - 2];
    });
    assert_eq!(large, "a segment needs 16781312 bytes of memory, and at most 16777216 are allowed");
}

#[test]
fn no_cut_is_taken_for_the_whole() {
    let bytes = Patch { usr: Some(usr()), kernel: Some(kernel()) }.bytes();
    for end in 0..bytes.len() {
        assert_eq!(Patch::parse(&bytes[..end]).unwrap_err(), "it is cut short", "{end}");
    }
    assert_eq!(Patch::parse(&[&bytes[..], &[0]].concat()).unwrap_err(), "it has 1 bytes too many");
    let mut other = bytes.clone();
    other[12] = 2;
    assert_eq!(Patch::parse(&other).unwrap_err(), "it has 2 where 0 or 1 says whether a table follows");
}

#[test]
fn no_number_of_entries_takes_memory() {
    let bytes = Patch { usr: Some(usr()), kernel: None }.bytes();
    // How much is copied, and how many segments, ranges of the old and ranges of the new one there are.
    for at in [88, 116, 120, 140] {
        let mut large = bytes.clone();
        large[at..at + 4].copy_from_slice(&[255; 4]);
        assert_eq!(Patch::parse(&large).unwrap_err(), "it is cut short", "{at}");
    }
}

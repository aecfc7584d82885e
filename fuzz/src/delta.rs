//! The files by which an update fetches parts, and the bytes that a server sends for them.

use pattern::delta::frame::{self, WINDOW_MAX};
use pattern::delta::index::Index;
use pattern::delta::patch::{From, Patch, Table};
use pattern::delta::piece::Piece;
use pattern::delta::tree::Tree;

/// Takes a file. The first byte says which: an index of blocks, an index of a patch, a hash tree, or a frame.
///
/// # Panics
/// When what was accepted contradicts itself, is written differently than it was read, or has another length than was asked for.
pub fn delta(input: &[u8]) {
    let Some((kind, bytes)) = input.split_first() else { return };
    match kind % 4 {
        0 => index(bytes),
        1 => patch(bytes),
        2 => tree(bytes),
        _ => unpacked(bytes),
    }
}

fn index(bytes: &[u8]) {
    let Ok(index) = Index::parse(bytes) else { return };
    assert_eq!(index.bytes(), bytes);
    assert_eq!(follow(index.tree.iter().chain(&index.groups), 0), index.packed());
    let unpacked: u64 = index.groups.iter().map(|piece| piece.length as u64).sum();
    assert_eq!(unpacked, index.usr.bytes);
    let last = usize::try_from(index.usr.bytes / 4096).unwrap() - 1;
    assert_eq!(index.group_of(last).0, index.groups.len() - 1);
}

fn patch(bytes: &[u8]) {
    let Ok(patch) = Patch::parse(bytes) else { return };
    assert_eq!(patch.bytes(), bytes);
    let mut end = 0;
    for table in patch.usr.iter().chain(&patch.kernel) {
        end = follow(table.segments.iter().map(|segment| &segment.piece).chain(&table.hashes), end);
        tiled(table);
    }
}

/// Every unit of the new file comes from one place, which exists.
fn tiled(table: &Table) {
    let mut at = 0;
    for part in table.parts() {
        assert!(part.new.start == at && part.new.end > at, "{part:?} at {at}");
        at = part.new.end;
        let count = part.new.end - part.new.start;
        match part.from {
            From::Old(start) => assert!(start.checked_add(count).unwrap() <= table.old.units, "{part:?}"),
            From::Segment(index, start) => {
                let end = usize::try_from(start + count).unwrap() * table.unit.bytes();
                assert!(end <= table.segments[index].piece.length, "{part:?}");
            }
        }
    }
    assert_eq!(at, table.new.units);
    for segment in &table.segments {
        let old: usize = segment.old.iter().map(|range| range.len() * table.unit.bytes()).sum();
        assert!(old + segment.piece.length <= WINDOW_MAX);
        assert!(segment.old.iter().all(|range| range.end <= table.old.units));
    }
}

/// Pieces follow each other, and none is larger than what it unpacks to. Returns where the last one ends.
fn follow<'a>(pieces: impl IntoIterator<Item = &'a Piece>, start: u64) -> u64 {
    pieces.into_iter().fold(start, |at, piece| {
        assert!(
            piece.place.start == at && piece.bytes() > 0 && piece.bytes() <= piece.length as u64,
            "{piece:?}"
        );
        piece.place.end
    })
}

/// The first 32 bytes are the root hash. A tree that it proves has exactly the bytes of one that is made of its leaves.
fn tree(bytes: &[u8]) {
    let Some((root, bytes)) = bytes.split_first_chunk() else { return };
    let Ok(tree) = Tree::prove(bytes, root) else { return };
    assert_eq!(tree.leaves().len(), tree.head().blocks());
    assert_eq!(bytes.len(), tree.head().tree_blocks() * 4096);
}

/// A length in 4 bytes, that of the older material in 2, then the material and a frame.
fn unpacked(bytes: &[u8]) {
    let Some((length, rest)) = bytes.split_first_chunk() else { return };
    let Some((old, rest)) = rest.split_first_chunk() else { return };
    let length = usize::try_from(u32::from_le_bytes(*length) >> 8).unwrap();
    let Some((old, frame)) = rest.split_at_checked(usize::from(u16::from_le_bytes(*old))) else { return };
    match frame::unpack(frame, old, length) {
        Ok(content) => assert_eq!(content.len(), length),
        Err(why) => assert!(!why.is_empty()),
    }
}

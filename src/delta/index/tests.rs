use super::*;

/// An index of 300 blocks in groups of 16. The tree has 5.
fn index() -> Index {
    let sum = |bytes| Sum { bytes, sum: [7; 32] };
    let mut start = 0;
    let mut piece = |blocks: usize| {
        let piece = Piece::of(&vec![1; 100 + blocks], start, blocks * BLOCK);
        start = piece.place.end;
        piece
    };
    let tree = vec![piece(5)];
    let groups = (0..19).map(|index| piece(if index < 18 { 16 } else { 12 })).collect();
    Index {
        per_group: 16,
        usr: sum(300 * 4096),
        verity: sum(1 << 20),
        root: [9; 32],
        uuid: [7; 16],
        salt: vec![1, 2],
        tree,
        groups,
    }
}

/// Where the fields of that index begin.
const PER_GROUP: usize = 12;
const USR: usize = 16;
const VERITY: usize = 56;
const SALT: usize = 144;
const FIRST: usize = 150;

#[test]
fn an_index_is_read_as_it_was_written() {
    let index = index();
    assert_eq!(Index::parse(&index.bytes()).unwrap(), index);
    assert_eq!(index.group_of(299), (18, 11));
    assert_eq!(index.packed(), 105 + 18 * 116 + 112);
    assert_eq!(index.groups[18].place, index.packed() - 112..index.packed());
}

#[test]
fn what_contradicts_itself_is_refused() {
    let bytes = index().bytes();
    let said = |at: usize, values: &[u8]| {
        let mut changed = bytes.clone();
        changed[at..at + values.len()].copy_from_slice(values);
        Index::parse(&changed).unwrap_err()
    };
    assert_eq!(said(0, b"P"), "it does not begin as such a file does");
    assert_eq!(said(8, &[2]), "it has version 2 of the format, and this program reads version 1");
    assert_eq!(said(PER_GROUP, &[0]), "a group has 0 blocks, and 1 to 256 are allowed");
    assert_eq!(said(PER_GROUP, &[1, 1]), "a group has 257 blocks, and 1 to 256 are allowed");
    assert_eq!(said(USR, &[1]), "/usr has 1228801 bytes, which are not whole blocks");
    assert_eq!(
        said(USR, &[0, 0, 0, 0, 0, 0, 0, 1]),
        "a hash tree is for 17592186044416 blocks, and 2 to 268435456 are allowed"
    );
    let room = "1048576 bytes have no room for a hash tree of 2113666 blocks";
    assert_eq!(said(USR, &[0, 0, 0, 0, 0, 1]), room);
    let mut large = bytes.clone();
    large[USR + 4] = 255;
    large[VERITY + 5] = 1;
    assert_eq!(Index::parse(&large).unwrap_err(), "it is cut short", "no memory is taken for it");
    assert_eq!(said(VERITY, &[0, 16, 0, 0]), "4096 bytes have no room for a hash tree of 5 blocks");
    assert_eq!(said(SALT, &[255; 4]), "it is cut short");
    assert_eq!(said(FIRST, &[0]), "a piece of 0 bytes is for 20480 bytes");
    assert_eq!(said(FIRST, &[1, 80]), "a piece of 20481 bytes is for 20480 bytes");
    assert_eq!(Index::parse(&[&bytes[..], &[0]].concat()).unwrap_err(), "it has 1 bytes too many");
    for end in 0..bytes.len() {
        assert_eq!(Index::parse(&bytes[..end]).unwrap_err(), "it is cut short", "{end}");
    }
}

#[test]
fn a_piece_is_proven_before_it_is_unpacked() {
    let content = b"sixteen bytes...";
    let piece = Piece::of(content, 5, content.len());
    assert_eq!(piece.open(content, &[]).unwrap(), content);
    for lie in [&b"sixteen bytes.,."[..], b"sixteen bytes..", b""] {
        assert_eq!(
            piece.open(lie, &[]).unwrap_err(),
            "the piece at byte 5 is not what the signed table says"
        );
    }
    let packed = Piece::of(b"not zstd", 5, 4096);
    let said = packed.open(b"not zstd", &[]).unwrap_err();
    assert_eq!(said, "the piece at byte 5 does not unpack: it is not packed with zstd");
}

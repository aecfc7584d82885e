//! What `pattern sign-release` adds so that machines fetch only what changed makes the same bytes as the whole files.

use std::fs;
use std::ops::Range;

use pattern::delta::index::Index;
use pattern::delta::patch::{From, Patch, Table};
use pattern::delta::tree::{Head, Tree};
use pattern::delta::{BLOCK, Hash};
use pattern::hex::encode;
use sha2::{Digest as _, Sha256};

use crate::place::Place;

const BLOCKS: usize = 600;

/// A `/usr` that packs to about a half, of which each version has another part.
fn usr(version: u8) -> Vec<u8> {
    let mut state = 7_u64;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        state.to_le_bytes()[6] & 15
    };
    let mut content: Vec<u8> = (0..BLOCKS * BLOCK).map(|_| next()).collect();
    // Bytes are inserted, so what follows has no block in common for a while.
    let (start, end) = (100 * BLOCK, 160 * BLOCK);
    content[start..end].rotate_right(usize::from(version) * 100);
    content[start..start + 9].fill(version);
    content
}

/// A kernel image with a section that stays, and one that does not.
fn kernel(version: u8) -> Vec<u8> {
    let mut file = vec![0; 0x400];
    for (at, bytes) in [(0x3c, &[0x40][..]), (0x40, b"PE\0\0"), (0x46, &[2])] {
        file[at..at + bytes.len()].copy_from_slice(bytes);
    }
    let noise = &usr(1)[..100_000];
    for (index, (name, content)) in [(".linux", noise), (".cmdline", &[version; 700])].into_iter().enumerate()
    {
        let (entry, start) = (0x58 + index * 40, u32::try_from(file.len()).unwrap());
        file[entry..entry + name.len()].copy_from_slice(name.as_bytes());
        file[entry + 8..entry + 12].copy_from_slice(&u32::try_from(content.len()).unwrap().to_le_bytes());
        file[entry + 20..entry + 24].copy_from_slice(&start.to_le_bytes());
        file.extend(content);
    }
    file
}

fn tree(version: u8) -> Tree {
    let head = Head::new([version; 16], vec![version; 32], BLOCKS as u64).unwrap();
    let leaves = usr(version).chunks(BLOCK).map(|block| head.hash(block)).collect();
    Tree::new(head, leaves).unwrap()
}

/// Writes what `pattern build` would.
fn build(place: &Place, version: u8) -> Hash {
    let base = format!("x_{version}");
    let folder = place.path(&base);
    fs::create_dir_all(&folder).unwrap();
    let (mut verity, root) = tree(version).bytes();
    verity.resize(64 * BLOCK, 0);
    let half = |part: usize| encode(&root[part * 16..part * 16 + 16]);
    let files = [
        (format!("{base}.raw"), vec![0; 100]),
        (format!("{base}.efi"), kernel(version)),
        (format!("{base}_{}_{}.usr.raw", half(0), BLOCKS * BLOCK), usr(version)),
        (format!("{base}_{}_{}.verity.raw", half(1), verity.len()), verity),
    ];
    files.iter().for_each(|(name, content)| fs::write(folder.join(name), content).unwrap());
    fs::copy(place.path("x-pubring.pgp"), folder.join(format!("{base}.pubring.pgp"))).unwrap();
    place.sum(&base);
    root
}

fn sign<'a>(version: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    [&["sign-release", version, "x-gpg", "--output", "release", "--compress", "gz"], more].concat()
}

fn read(place: &Place, name: &str) -> Vec<u8> {
    fs::read(place.path("release").join(name)).unwrap()
}

fn part<'a>(file: &'a [u8], place: &Range<u64>) -> &'a [u8] {
    &file[usize::try_from(place.start).unwrap()..usize::try_from(place.end).unwrap()]
}

/// Makes a file as a machine does.
fn made(table: &Table, old: &[u8], patch: &[u8]) -> Vec<u8> {
    let unit = table.unit.bytes();
    let bytes = |range: &Range<u32>| {
        usize::try_from(range.start).unwrap() * unit..usize::try_from(range.end).unwrap() * unit
    };
    let segments: Vec<Vec<u8>> = (table.segments.iter())
        .map(|segment| {
            let material: Vec<u8> =
                segment.old.iter().flat_map(|range| &old[bytes(range)]).copied().collect();
            segment.piece.open(part(patch, &segment.piece.place), &material).unwrap()
        })
        .collect();
    let part = |new: Range<u32>, from: From| match from {
        From::Old(start) => old[bytes(&(start..start + new.end - new.start))].to_vec(),
        From::Segment(index, start) => segments[index][bytes(&(start..start + new.end - new.start))].to_vec(),
    };
    table.parts().into_iter().flat_map(|one| part(one.new, one.from)).collect()
}

#[test]
#[ignore = "needs gnupg openssl xz-utils; `make test` runs it"]
fn blocks_and_a_patch_make_the_files_that_were_built() {
    let place = Place::with_keys();
    let (old_root, root) = (build(&place, 1), build(&place, 2));
    place.succeeds(&sign("x_1", &["--deltas", "2"]));
    let listed = place.succeeds(&sign("x_2", &["--deltas", "2"]));
    place.check("release");
    for name in ["x_2.usr.blocks", "x_2.usr.index", "x_2_1.patch", "x_2_1.patch.index"] {
        assert!(listed.contains(&format!("release/{name}\n")), "{listed}");
    }

    let index = Index::parse(&read(&place, "x_2.usr.index")).unwrap();
    let blocks = read(&place, "x_2.usr.blocks");
    assert_eq!(index.packed(), blocks.len() as u64);
    let all = |pieces: &[pattern::delta::piece::Piece]| -> Vec<u8> {
        pieces.iter().flat_map(|piece| piece.open(part(&blocks, &piece.place), &[]).unwrap()).collect()
    };
    assert_eq!(all(&index.groups), usr(2));
    assert_eq!(Tree::prove(&all(&index.tree), &root).unwrap(), tree(2));
    assert_eq!((index.root, index.salt.as_slice()), (root, tree(2).head().salt()));
    assert_eq!(index.usr.sum, Hash::from(Sha256::digest(usr(2))));

    let patch = Patch::parse(&read(&place, "x_2_1.patch.index")).unwrap();
    let pieces = read(&place, "x_2_1.patch");
    let table = patch.usr.unwrap();
    assert_eq!((table.old.id, table.new.id), (old_root, root));
    assert_eq!(made(&table, &usr(1), &pieces), usr(2));
    assert_eq!(made(&patch.kernel.unwrap(), &kernel(1), &pieces), kernel(2));
    assert!(pieces.len() * 20 < blocks.len(), "{} of {} bytes", pieces.len(), blocks.len());

    // The hashes of what was not copied, and those of the old blocks with the new salt, are the tree.
    let hashes = table.hashes.as_ref().unwrap();
    let hashes = hashes.open(part(&pieces, &hashes.place), &[]).unwrap();
    let mut given = hashes.as_chunks::<32>().0.iter();
    let head = tree(2).head().clone();
    let leaves = table.parts().into_iter().flat_map(|one| match one.from {
        From::Old(start) => {
            let start = usize::try_from(start).unwrap() * BLOCK;
            usr(1)[start..]
                .chunks(BLOCK)
                .take(one.new.len())
                .map(|block| head.hash(block))
                .collect::<Vec<_>>()
        }
        From::Segment(..) => given.by_ref().take(one.new.len()).copied().collect(),
    });
    assert_eq!(Tree::new(head.clone(), leaves.collect()).unwrap().bytes().1, root);
}

#[test]
#[ignore = "needs gnupg openssl xz-utils; `make test` runs it"]
fn as_many_versions_have_a_patch_as_were_asked_for() {
    let place = Place::with_keys();
    for version in 1..4 {
        build(&place, version);
    }
    for version in ["x_1", "x_2"] {
        place.succeeds(&sign(version, &["--deltas", "0"]));
    }
    assert!(!place.path("release/x_2.usr.index").exists());
    place.succeeds(&sign("x_3", &["--deltas", "1"]));
    assert!(place.path("release/x_3_2.patch").exists() && !place.path("release/x_3_1.patch").exists());
    // A version that was published gets what is missing, and what is there stays.
    let before = read(&place, "x_3.usr.blocks");
    place.succeeds(&sign("x_3", &["--deltas", "5"]));
    place.check("release");
    assert!(place.path("release/x_3_1.patch").exists());
    assert_eq!(read(&place, "x_3.usr.blocks"), before);
}

#[test]
#[ignore = "needs gnupg openssl xz-utils; `make test` runs it"]
fn a_run_that_was_interrupted_is_done_again() {
    let place = Place::with_keys();
    build(&place, 1);
    fs::create_dir(place.path("release")).unwrap();
    fs::write(place.path("release/x_1.usr.blocks"), "half").unwrap();
    place.succeeds(&sign("x_1", &["--deltas", "2"]));
    place.check("release");
    assert!(Index::parse(&read(&place, "x_1.usr.index")).is_ok());
}

#[test]
#[ignore = "needs gnupg openssl xz-utils; `make test` runs it"]
fn what_can_not_be_made_is_left_out_and_named() {
    let place = Place::with_keys();
    build(&place, 1);
    build(&place, 2);
    let usr = fs::read_dir(place.path("x_2")).unwrap().map(|entry| entry.unwrap().path());
    let usr = usr.into_iter().find(|path| path.to_string_lossy().ends_with(".usr.raw")).unwrap();
    let mut other = fs::read(&usr).unwrap();
    other[300 * BLOCK] ^= 1;
    fs::write(&usr, other).unwrap();
    place.sum("x_2");
    place.succeeds(&sign("x_1", &["--deltas", "2"]));
    let said = place.warns(&sign("x_2", &["--deltas", "2"]));
    let wanted =
        "warning: machines will fetch all blocks of x_2: block 300 of /usr is not what the hash tree says\n";
    assert_eq!(said, wanted);
    place.check("release");
    assert!(!place.path("release/x_2.usr.blocks").exists());
    // Names that tell no root hash.
    place.build("3");
    let said = place.warns(&sign("x_3", &["--deltas", "2"]));
    assert!(said.starts_with("warning: machines will fetch all blocks of x_3: the names of "), "{said}");
    place.check("release");
}

//! What a cut leaves is said, and what is not a cut is not taken for one.

use super::*;
use crate::table::{Extent, Guid};

const BLOCKS: usize = 1000;

fn content(block: usize) -> [u8; BLOCK] {
    std::array::from_fn(|index| u8::try_from((block + index) % 251).unwrap())
}

fn tree() -> (Vec<u8>, Hash) {
    let head = Head::new([7; 16], vec![1, 2], BLOCKS as u64).unwrap();
    let leaves = (0..BLOCKS).map(|block| head.hash(&content(block))).collect();
    Tree::new(head, leaves).unwrap().bytes()
}

fn slot(label: &str, claimed: bool) -> Slot {
    let partition = |number| Partition {
        number,
        kind: Guid::from_uuid([1; 16]),
        uuid: Guid::from_uuid([0; 16]),
        extent: Extent { first: 0, last: 0 },
        label: label.to_owned(),
    };
    Slot { tree: partition(1), usr: partition(2), claimed }
}

#[test]
fn a_sample_is_right_to_a_hundredth() {
    let tree = prove(&tree().0, None).unwrap();
    for written in [0, 1, 250, 500, 997, BLOCKS] {
        let read = |block: u64| {
            let block = usize::try_from(block).unwrap();
            Some(content(if block < written { block } else { block + 1 }))
        };
        let (right, all) = estimate(&tree, read);
        assert_eq!(all, 4_096_000);
        assert!(right.abs_diff(written as u64 * BLOCK_BYTES) <= all / 100, "{right} for {written}");
    }
    // What can't be read is not there.
    assert_eq!(estimate(&tree, |_| None).0, 0);
}

#[test]
fn what_is_there_is_said_with_what_follows() {
    let said =
        |answer: &str, slot: &Slot| Unfinished::read(answer, slot).map(|unfinished| unfinished.to_string());
    let (unnamed, named) = (slot("_empty", false), slot("usr-0.0.2", true));
    let first = "about 2.1 of 4.1 MB of ";
    let end = " are in the other slot; ";
    for (slot, wanted) in [
        (&unnamed, format!("{first}a version{end}pattern update goes on there")),
        (&named, format!("{first}version 0.0.2{end}pattern update goes on there")),
    ] {
        assert_eq!(said("2048000 4096000\n", slot), Some(wanted));
    }
    for nothing in ["", "\n", "1", "a b\n", "1 2 3\n"] {
        assert_eq!(said(nothing, &unnamed), None, "{nothing:?}");
    }
    let object = Unfinished::read("0 4096000", &unnamed).unwrap().json();
    assert_eq!(object, json!({ "about": 0, "bytes": 4_096_000 }));
}

#[test]
fn a_hash_tree_of_the_version_before_or_a_cut_one_says_nothing() {
    let (bytes, root) = tree();
    assert!(prove(&bytes, None).is_some() && prove(&bytes, Some(&[0; 32])).is_some());
    assert_eq!(prove(&bytes, Some(&root)), None);
    for wrong in [0, BLOCK + 1, bytes.len() - BLOCK] {
        let mut changed = bytes.clone();
        changed[wrong] ^= 1;
        assert_eq!(prove(&changed, None), None, "{wrong}");
    }
    for cut in [0, BLOCK, bytes.len() - BLOCK] {
        assert_eq!(prove(&bytes[..cut], None), None, "{cut}");
    }
    let length = bytes.len() as u64;
    let first = bytes.first_chunk().unwrap();
    assert_eq!(tree_bytes(first, length), Some(length));
    assert_eq!(tree_bytes(first, length - 1), None);
    assert_eq!(tree_bytes(&[0; BLOCK], length), None);
}

//! The tree of 300 blocks, each of which repeats one number, is compared with what cryptsetup 2.7.5 makes of the same file:
//! `veritysetup format --salt 0102030405 --uuid 00010203-0405-0607-0809-0a0b0c0d0e0f g.data g.tree; sha256sum g.tree`.

use sha2::{Digest as _, Sha256};

use super::*;
use crate::hex::encode;

const ROOT: &str = "fd2cd7658213e0d9e16eb150eebe69be811c43c6d0a0347bc9a36522d88b77c5";
const FILE: &str = "761928215012698f1d527991e1c524b77fec4dba6aab0460e8c64977306363a4";

fn data(block: u32) -> Vec<u8> {
    block.wrapping_mul(2_654_435_761).to_le_bytes().repeat(BLOCK / 4)
}

fn made(blocks: u32) -> (Vec<u8>, Hash) {
    let uuid = std::array::from_fn(|index| u8::try_from(index).unwrap());
    let head = Head::new(uuid, vec![1, 2, 3, 4, 5], blocks.into()).unwrap();
    let leaves = (0..blocks).map(|index| head.hash(&data(index))).collect();
    Tree::new(head, leaves).unwrap().bytes()
}

#[test]
fn a_tree_is_that_of_cryptsetup() {
    let (bytes, root) = made(300);
    assert_eq!((encode(&root).as_str(), encode(&Sha256::digest(&bytes)).as_str()), (ROOT, FILE));
}

#[test]
fn a_tree_proves_each_block_and_no_other() {
    for blocks in [2, 127, 128, 129, 128 * 128 + 1] {
        let (bytes, root) = made(blocks);
        let tree = Tree::prove(&bytes, &root).unwrap();
        assert_eq!(bytes.len(), tree.head().tree_blocks() * BLOCK);
        assert_eq!(tree.leaves().len(), usize::try_from(blocks).unwrap());
        assert_eq!(tree.bytes(), (bytes, root));
        let last = blocks - 1;
        let at = usize::try_from(last).unwrap();
        assert!(
            tree.proves(at, &data(last)) && !tree.proves(at, &data(0)) && !tree.proves(at + 1, &data(blocks))
        );
        assert!(!tree.proves(at, &data(last)[1..]));
    }
}

#[test]
fn each_changed_block_of_a_tree_is_named() {
    let (bytes, root) = made(300);
    for block in 1..5 {
        let mut changed = bytes.clone();
        changed[block * BLOCK + 7] ^= 1;
        let wanted = format!("block {block} of the hash tree is not what the root hash says");
        assert_eq!(Tree::prove(&changed, &root).unwrap_err(), wanted);
    }
    let other = Tree::prove(&bytes, &[0; 32]).unwrap_err();
    assert_eq!(other, "block 1 of the hash tree is not what the root hash says");
    assert_eq!(Tree::prove(&bytes[..100], &root).unwrap_err(), "the hash tree is cut short");
    let cut = Tree::prove(&bytes[..4 * BLOCK], &root).unwrap_err();
    assert_eq!(cut, "the hash tree has 16384 bytes, and its superblock says 20480");
}

#[test]
fn a_superblock_of_a_stranger_is_refused() {
    let (bytes, root) = made(300);
    let said = |at: usize, values: &[u8]| {
        let mut changed = bytes.clone();
        changed[at..at + values.len()].copy_from_slice(values);
        Tree::prove(&changed, &root).unwrap_err()
    };
    assert!(said(0, b"V").starts_with("no dm-verity superblock there"));
    assert_eq!(said(64, &[0, 2]), "the hash tree has data blocks of 512 bytes, not of 4096");
    assert_eq!(said(68, &[0, 2]), "the hash tree has hash blocks of 512 bytes, not of 4096");
    let most = "a hash tree is for 18446744073709551615 blocks, and 2 to 268435456 are allowed";
    assert_eq!(said(72, &[255; 8]), most);
    assert_eq!(said(72, &[1, 0]), "a hash tree is for 1 blocks, and 2 to 268435456 are allowed");
    let large = "the hash tree has 20480 bytes, and its superblock says 1082204160";
    assert_eq!(said(72, &[0, 0, 0, 2]), large, "no memory is taken for it");
    let other = "the superblock of the hash tree has values that our images do not have";
    // The salt's length, the six bytes behind it, and what is reserved.
    for (at, values) in [(80, &[255_u8, 255][..]), (82, &[1]), (400, &[1]), (4095, &[1]), (45, b"x")] {
        assert_eq!(said(at, values), other, "byte {at}");
    }
}

#[test]
fn hashes_must_be_as_many_as_the_superblock_says() {
    let head = Head::new([0; 16], Vec::new(), 3).unwrap();
    let said = Tree::new(head, vec![[0; 32]; 2]).unwrap_err();
    assert_eq!(said, "2 hashes were given for 3 blocks");
    let said = Head::new([0; 16], vec![0; 257], 3).unwrap_err();
    assert_eq!(said, "a salt has 257 bytes, and at most 256 are allowed");
}

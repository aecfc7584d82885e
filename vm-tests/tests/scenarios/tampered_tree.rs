//! A hash tree that does not lead to the root hash: the machine restarts once, then stops without reading `/usr`.

use pattern_vm_tests::Computer;

#[test]
fn tampered_tree() {
    let mut computer = Computer::installed("tampered_tree");
    let tree = computer.disk().partition("verity-0.0.1");
    // The block after the superblock is the top of the tree.
    computer.disk().write(tree.start + 4096, &[0; 4096]);
    let mut guest = computer.start();
    guest.expect("is corrupted");
    guest.expect("reading all of /usr before anything is started from it");
    guest.expect("is corrupted");
    let said = guest.expect("emergency mode");
    assert!(said.contains("its first block can't be verified: /usr or its hash tree is damaged"), "{said}");
    assert!(!said.contains("pattern-grow["), "a stage ran on a damaged system:\n{said}");
}

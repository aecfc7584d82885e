//! A changed block of `/usr`: the machine restarts once, then stops; the changed block is never used.

use pattern_vm_tests::Computer;

#[test]
fn tampered_usr() {
    let mut computer = Computer::installed("tampered_usr");
    let usr = computer.disk().partition("usr-0.0.1");
    let mut block = computer.disk().read(usr.start, 4096);
    // The first byte of the volume name in erofs' superblock (Linux, fs/erofs/erofs_fs.h).
    block[1024 + 64] ^= 1;
    computer.disk().write(usr.start, &block);
    let mut guest = computer.start();
    guest.expect("data block 0 is corrupted");
    guest.expect("reading all of /usr before anything is started from it");
    guest.expect("data block 0 is corrupted");
    let said = guest.expect("emergency mode");
    assert!(said.contains("its first block can't be verified: /usr or its hash tree is damaged"), "{said}");
    assert!(!said.contains("pattern-grow["), "a stage ran on a damaged system:\n{said}");
}

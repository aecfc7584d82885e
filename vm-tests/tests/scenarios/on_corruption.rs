//! What a changed block of `/usr` leads to is the image's choice: a kernel panic, or a failed read. Never a restart
//! that it didn't ask for, and never the changed block.

use pattern_vm_tests::{Computer, Guest};

#[test]
fn on_corruption_panic() {
    damaged("on_corruption_panic", "panic").expect("Kernel panic - not syncing: dm-verity device corrupted");
}

#[test]
fn on_corruption_io_error() {
    let said = damaged("on_corruption_io_error", "io-error").expect("emergency mode");
    assert!(said.contains("its first block can't be verified: /usr or its hash tree is damaged"), "{said}");
    assert!(!said.contains("pattern-grow["), "a stage ran on a damaged system:\n{said}");
}

/// Boots an image that has this policy and a changed first block.
fn damaged(name: &str, policy: &str) -> Guest {
    let mut computer = Computer::new(name);
    computer.configure(&format!(
        "{}\n[verity]\non_corruption = {policy:?}\n",
        include_str!("../../../demo/pattern.toml")
    ));
    let usr = computer.disk().partition("usr-0.0.1");
    // The first byte of the volume name in erofs' superblock (Linux, fs/erofs/erofs_fs.h).
    let mut block = computer.disk().read(usr.start, 4096);
    block[1024 + 64] ^= 1;
    computer.disk().write(usr.start, &block);
    computer.start()
}

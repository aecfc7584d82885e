//! The initrd of an image for use stays small: a fifth of what stock systemd's has. The kernel beside it is Debian's.

use std::fs;

use pattern::uki;
use pattern_vm_tests::Computer;

/// Bytes, compressed, with the kernel modules. docs/performance.md has those of stock.
const MOST: usize = 12_000_000;

#[test]
fn sizes() {
    let computer = Computer::of_image("production", "sizes");
    let file = fs::read(computer.kernel_image()).expect("reading the unified kernel image");
    let initrd = uki::section(&file, ".initrd").expect("an initrd in the unified kernel image").len();
    println!("the initrd has {initrd} bytes, the unified kernel image {}", file.len());
    assert!(initrd <= MOST, "the initrd has {} bytes more than {MOST}", initrd - MOST);
}

//! A new version that fails in the initrd: three tries without anybody asked for anything, then the version before
//! runs, and says why.

use pattern_vm_tests::{Computer, Release, Server};

#[test]
#[ignore = "long; `make check-all` runs it"]
fn update_unbootable() {
    let release = Release::copy("0.0.2", "update_unbootable");
    let server = Server::start(release.path());
    let mut computer = Computer::installed("update_unbootable");
    computer.serve(&server);
    let mut guest = computer.boot();
    guest.must("pattern update");
    guest.power_off();
    let tree = computer.disk().partition("verity-0.0.2");
    computer.disk().write(tree.start, &[0; 512]);

    let mut guest = computer.start();
    for _ in 0..3 {
        guest.expect("no dm-verity superblock there; the image is damaged");
        guest.expect("reboot: Restarting system");
    }
    let banner = guest.expect("(automatic login)");
    let told = "Version 0.0.2 failed all its tries; version 0.0.1 runs in its place. The last try ended with: pattern-usr: ";
    assert!(banner.contains(told), "{banner}");
    guest.greet();
    assert_eq!(guest.must("cat /etc/kept"), "kept");
}

//! A download that breaks off, and then a power cut: the version that runs goes on, and the next try installs the new
//! one.

use pattern_vm_tests::{Computer, Release, Server};

#[test]
#[ignore = "long; `make check-all` runs it"]
fn update_interrupted() {
    let release = Release::copy("0.0.2", "update_interrupted");
    let server = Server::start(release.path());
    let mut computer = Computer::installed("update_interrupted");
    computer.serve(&server);
    let mut guest = computer.boot();
    server.cut(".usr.raw", 10 << 20);
    let said = guest.must_fail("pattern update");
    assert!(said.contains("the version that runs is untouched"), "{said}");
    drop(guest);
    let labels = computer.disk().labels();
    assert_eq!(labels, ["esp", "verity-0.0.1", "usr-0.0.1", "_empty", "_empty", "persist"]);

    let mut guest = computer.boot();
    assert_eq!(guest.must(". /etc/os-release && echo $IMAGE_VERSION"), "0.0.1");
    assert_eq!(guest.must("ls -A /boot/EFI/Linux"), "demo_0.0.1.efi");
    let _ = guest.must("pattern update");
    let entries = guest.must("ls /boot/EFI/Linux");
    assert_eq!(entries.split_whitespace().collect::<Vec<_>>(), ["demo_0.0.1.efi", "demo_0.0.2+3-0.efi"]);
    guest.power_off();
}

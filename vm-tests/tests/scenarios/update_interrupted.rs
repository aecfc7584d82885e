//! A download of the whole that breaks off, then a power cut; a download of parts goes on instead (tests/fetch); a power cut within the rename of the last file: the version that runs
//! goes on, and the next try installs the new one.

use std::fs;
use std::path::Path;

use pattern_vm_tests::{Computer, Guest, Release, Server};

#[test]
#[ignore = "long; `make check-all` runs it"]
fn update_interrupted() {
    let release = Release::copy("0.0.2", "update_interrupted");
    let server = Server::start(release.path());
    let mut computer = Computer::installed("update_interrupted");
    computer.serve(&server);
    let mut guest = computer.boot();
    server.without_ranges();
    server.cut(".usr.raw", 10 << 20);
    let said = guest.must_fail("pattern update");
    assert!(said.contains("Version 0.0.2 is fetched as a whole: "), "{said}");
    assert!(
        said.contains("the server has no ranges.") && said.contains("the version that runs is untouched"),
        "{said}"
    );
    drop(guest);
    let labels = computer.disk().labels();
    assert_eq!(labels, ["esp", "verity-0.0.1", "usr-0.0.1", "_empty", "_empty", "persist"]);

    let mut guest = computer.boot();
    assert_eq!(guest.must(". /etc/os-release && echo $IMAGE_VERSION"), "0.0.1");
    assert_eq!(guest.must("ls -A /boot/EFI/Linux"), "demo_0.0.1.efi");
    let unfinished = guest.must("pattern status | grep ^Unfinished");
    assert!(
        unfinished.contains(" MB of a version are in the other slot; pattern update goes on there"),
        "{unfinished}"
    );
    installs(&mut guest, &release);
    assert_eq!(guest.must("pattern status | grep -c ^Unfinished || true").trim(), "0");
    // FAT writes a new name first, and then the file's size.
    guest.must(": >/boot/EFI/Linux/demo_0.0.2+3-0.efi");
    installs(&mut guest, &release);
    guest.power_off();
}

fn installs(guest: &mut Guest, release: &Release) {
    guest.must("pattern update");
    let entries = guest.must("cd /boot/EFI/Linux && stat -c '%n %s' *.efi");
    let size = |path: &Path| fs::metadata(path).expect("reading a size").len();
    let new = format!("demo_0.0.2+3-0.efi {}", size(&release.path().join("demo_0.0.2.efi")));
    assert_eq!(entries.lines().skip(1).collect::<Vec<_>>(), [new]);
    assert!(entries.starts_with("demo_0.0.1.efi "), "{entries}");
}

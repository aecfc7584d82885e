//! Root put a keyring into `/etc` once, and the update server serves what its key signed: nothing of it is installed, although
//! systemd's own program would take it.

use pattern_vm_tests::{Computer, OTHER_KEYRING, Release, Server};

#[test]
#[ignore = "long; `make check-all` runs it"]
fn update_keyring() {
    let release = Release::copy("0.0.2", "update_keyring");
    release.sign_with_another_key();
    let server = Server::start(release.path());
    let mut computer = Computer::installed("update_keyring");
    computer.serve(&server);
    let keyring = std::fs::read(release.path().join(OTHER_KEYRING)).expect("reading the other keyring");
    computer.write_to_esp("::/", OTHER_KEYRING, &keyring);
    let table = computer.disk().table();
    let mut guest = computer.boot();
    for name in ["import-pubring.gpg", "import-pubring.pgp"] {
        guest.must(&format!("cp /boot/{OTHER_KEYRING} /etc/systemd/{name}"));
    }
    let said = guest.must("/usr/lib/systemd/systemd-sysupdate check-new");
    assert_eq!(said.lines().last(), Some("0.0.2"), "systemd itself takes it: {said}");

    let said = guest.must_fail("pattern update");
    assert!(said.contains("Signature verification failed"), "{said}");
    assert_eq!(guest.must("ls -A /boot/EFI/Linux"), "demo_0.0.1.efi");
    guest.must("sync");
    assert!(computer.disk().table() == table, "the partition table was written");
}

//! A new version with a damaged block that no boot reads: it runs, and is never called good; the version before comes
//! back, and fetches it anew.

use pattern_vm_tests::{Computer, Release, Server};

#[test]
#[ignore = "long; `make check-all` runs it"]
fn update_damaged() {
    let release = Release::copy("third", "update_damaged");
    let server = Server::start(release.path());
    let mut computer = Computer::installed("update_damaged");
    computer.serve(&server);
    let mut guest = computer.boot();
    guest.must("pattern update");
    guest.power_off();
    let usr = computer.disk().partition("usr-0.0.3");
    // The last block with content: the image builder puts files there that nothing asks for in a boot.
    let block = computer.disk().last_block(usr);
    let mut bytes = computer.disk().read(block, 4096);
    bytes[0] ^= 1;
    computer.disk().write(block, &bytes);

    let mut guest = computer.start();
    for _ in 0..2 {
        guest.expect("is corrupted");
    }
    let banner = guest.expect("Version 0.0.3 failed all its tries; version 0.0.1 runs in its place.");
    assert!(!banner.contains("every block is verified"), "{banner}");
    guest.wait_for_shell();
    assert_eq!(guest.must("cat /var/kept"), "kept");
    let _earlier = server.requests();
    guest.must("pattern update 0.0.3");
    let requests = server.requests();
    assert!(
        requests.iter().any(|path| path.contains(".usr.blocks")),
        "it was not fetched anew: {requests:?}"
    );
    guest.send("systemctl reboot");
    guest.wait_for_shell();
    guest.must("until [ -e /boot/EFI/Linux/demo_0.0.3.efi ]; do sleep 1; done");
}

//! A version that was found to be good, and whose `/usr` can't be opened any more: the version in the other slot runs, says
//! why, and fetches the damaged one anew, block by block.

use pattern_vm_tests::{Computer, Release, Server};

#[test]
#[ignore = "long; `make check-all` runs it"]
fn update_rots() {
    let release = Release::copy("0.0.2", "update_rots");
    let server = Server::start(release.path());
    let mut computer = Computer::installed("update_rots");
    computer.serve(&server);
    let mut guest = computer.boot();
    guest.must("pattern update");
    guest.send("systemctl reboot");
    guest.wait_for_shell();
    guest.must("until [ -e /boot/EFI/Linux/demo_0.0.2.efi ]; do sleep 1; done");
    guest.power_off();
    let tree = computer.disk().partition("verity-0.0.2");
    computer.disk().write(tree.start, &[0; 512]);

    let mut guest = computer.start();
    guest.expect("starting version 0.0.1 instead");
    guest.expect("reboot: Restarting system");
    let banner = guest.expect("(automatic login)");
    let told = "Version 0.0.2 could not be started any more; version 0.0.1 runs in its place. pattern-usr: ";
    assert!(banner.contains(told), "{banner}");
    guest.greet();
    assert_eq!(guest.must("echo $(ls /boot/EFI/Linux)"), "demo_0.0.1.efi demo_0.0.2+0-1.efi");
    let said = guest.run("pattern check-update").text;
    assert!(said.contains("Version 0.0.2 failed; to fetch it anew: pattern update 0.0.2"), "{said}");

    let _earlier = server.requests();
    let said = guest.must("pattern update 0.0.2");
    assert!(said.contains("Version 0.0.2 failed: fetching it anew."), "{said}");
    let requests = server.requests();
    assert!(
        [".usr.index", ".usr.blocks", ".efi"]
            .iter()
            .all(|part| requests.iter().any(|path| path.contains(part))),
        "{requests:?}"
    );
    guest.send("systemctl reboot");
    guest.wait_for_shell();
    assert_eq!(guest.must(". /etc/os-release && echo $IMAGE_VERSION"), "0.0.2");
    assert_eq!(guest.must("cat /etc/kept"), "kept");
    guest.must("until [ -e /boot/EFI/Linux/demo_0.0.2.efi ]; do sleep 1; done");

    // The version to fall back to rots, too: found when somebody looks, and not gone back to.
    guest.power_off();
    let usr = computer.disk().partition("usr-0.0.1");
    let block = usr.start + (100 << 20);
    let mut bytes = computer.disk().read(block, 4096);
    bytes[0] ^= 1;
    computer.disk().write(block, &bytes);
    let mut guest = computer.boot();
    let said = guest.must_fail("pattern status --verify");
    assert!(said.contains("To do      Version 0.0.1 is damaged ("), "{said}");
    assert!(said.contains("until the next update replaces it, 0.0.2 has no version to go back to"), "{said}");
    let said = guest.must_fail("pattern rollback");
    assert!(said.contains("version 0.0.1 is damaged; to fetch it anew: pattern update 0.0.1"), "{said}");
    guest.power_off();
}

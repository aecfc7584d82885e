//! A version on trial migrates a program's state, and fails. The version before gets the state back as it was, and what
//! the failed one left is kept.

use pattern_vm_tests::{Computer, Release, Server};

#[test]
#[ignore = "long; `make check-all` runs it"]
fn state_goes_back() {
    let release = Release::copy("broken", "state_goes_back");
    let server = Server::start(release.path());
    let mut computer = Computer::installed("state_goes_back");
    computer.serve(&server);
    let mut guest = computer.boot();
    guest.must("mkdir /var/lib/app && echo old >/var/lib/app/state && echo old >/var/lib/app/index");
    guest.must("echo old >/var/lib/other");
    guest.must("pattern update");
    guest.send("systemctl reboot");
    for left in ["2-1", "1-2", "0-3"] {
        let said = guest.expect("essential unit broken.service failed");
        println!("a try with {left} to go failed: {}", said.lines().count());
    }
    guest.expect("(automatic login)");
    guest.greet();
    let log = guest.must("dmesg");
    assert!(log.contains("0.0.3 (") && log.contains(") left it: /var/lib/app; what 0.0.3 ("), "{log}");
    assert!(log.contains("is kept in root/.var/aside on the volume until the next trial"), "{log}");
    assert_eq!(guest.must("cat /var/lib/app/state /var/lib/app/index /var/lib/other"), "old\nold\nold");
    guest.must("test ! -e /var/lib/app/new");
    // Covered for the system: in a mount namespace of its own, root sees it.
    let look = "unshare --mount sh -c 'umount /persist/root && cat /persist/root/.var/aside/0/app/state'";
    assert_eq!(guest.must(look), "migrated");
    guest.power_off();
}

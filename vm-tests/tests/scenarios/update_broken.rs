//! A new version whose essential service fails: three tries, then the version before runs, with nobody at the
//! keyboard; it says why, and has all files.

use pattern_vm_tests::{Computer, Release, Server};

#[test]
#[ignore = "long; `make check-all` runs it"]
fn update_broken() {
    let release = Release::copy("broken", "update_broken");
    let server = Server::start(release.path());
    let mut computer = Computer::installed("update_broken");
    computer.serve(&server);
    let mut guest = computer.boot();
    guest.must("pattern update");
    guest.send("systemctl reboot");
    for left in ["2-1", "1-2", "0-3"] {
        let said = guest.expect("essential unit broken.service failed");
        println!("a try with {left} to go failed: {}", said.lines().count());
    }
    let banner = guest.expect("(automatic login)");
    let told = "Version 0.0.3 failed all its tries; version 0.0.1 runs in its place. The last try ended with: \
                pattern-health: essential unit broken.service failed";
    assert!(banner.replace("\r\n", "\n").contains(told), "{banner}");
    guest.greet();
    assert_eq!(
        guest.must("ls /boot/EFI/Linux").split_whitespace().collect::<Vec<_>>(),
        ["demo_0.0.1.efi", "demo_0.0.3+0-3.efi"]
    );
    let log = guest.must("journalctl -b -u pattern-fallback.service -o cat; dmesg");
    assert!(log.contains(told), "{log}");
    assert_eq!(guest.must("cat /etc/kept /home/kept /srv/kept /var/kept"), "kept\nkept\nkept\nkept");

    // A version that failed may be replaced.
    release.replace("third");
    guest.power_off();
}

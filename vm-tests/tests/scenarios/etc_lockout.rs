//! An owner's file of PAM names a module that a new version no longer has, so nobody could log in: three tries, then the version
//! before runs, with its `/etc`, and says why.

use pattern_vm_tests::{Computer, Release, Server};

#[test]
#[ignore = "long; `make check-all` runs it"]
fn etc_lockout() {
    let release = Release::copy("third", "etc_lockout");
    let server = Server::start(release.path());
    let mut computer = Computer::installed("etc_lockout");
    computer.serve(&server);
    let mut guest = computer.boot();
    // The owner restricts when people log in.
    guest.must("sed -i '1i account required pam_time.so' /etc/pam.d/login && echo 'login;*;!root;Al' >>/etc/security/time.conf");
    guest.must("sha256sum /etc/pam.d/login >/var/owner && pattern update");
    guest.send("systemctl reboot");
    let why = "nobody can log in by login (PAM, account): this version does not have pam_time.so";
    for left in ["2-1", "1-2", "0-3"] {
        let said = guest.expect(&format!("pattern-health: logging in: {why}"));
        println!("a try with {left} to go failed: {}", said.lines().count());
    }
    let banner = guest.expect("(automatic login)");
    let told = format!(
        "Version 0.0.3 failed all its tries; version 0.0.1 runs in its place. The last try ended with: pattern-health: logging in: {why}"
    );
    assert!(banner.replace("\r\n", "\n").contains(&told), "{banner}");
    guest.greet();
    guest.must("sha256sum --check /var/owner");
    assert_eq!(guest.must("cat /etc/kept"), "kept");
    let history = guest.must("pattern etc history");
    assert!(history.contains("from 0.0.3 ("), "{history}");
    // Without it, the same version is good.
    guest.must("sed -i 1d /etc/pam.d/login && pattern update 0.0.3");
    guest.send("systemctl reboot");
    guest.wait_for_shell();
    guest.must("until [ -e /boot/EFI/Linux/demo_0.0.3.efi ]; do sleep 1; done");
    guest.power_off();
}

//! A kept `/var` follows the image: first contents of a new version arrive, what the machine left alone is that version's,
//! what the machine changed stays. State that a version migrated on trial stays, too, once the version was found to be
//! good: `pattern rollback` does not put the old one back.

use pattern_vm_tests::{Computer, Guest, Release, Server};

const FOLLOWED: &str = "/usr/share/factory/var/lib/pam/seen /var/lib/pam/seen";

#[test]
#[ignore = "long; `make check-all` runs it"]
fn var_follows() {
    let release = Release::copy("0.0.2", "var_follows");
    let server = Server::start(release.path());
    let mut computer = Computer::installed("var_follows");
    computer.serve(&server);

    let mut guest = computer.boot();
    let log = guest.must("dmesg");
    assert!(!log.contains("brought /var") && !log.contains("which version's /var"), "{log}");
    guest.must(&format!("cmp {FOLLOWED}"));
    // What docs/state.md says of all that is ever compared.
    guest.must("test $(find /usr/share/factory/var | wc -l) -lt 200");
    guest.must("test $(du -sk /usr/share/factory/var | cut -f1) -lt 1024");
    guest.must("echo mine >/var/lib/pam/session");
    guest.must("mkdir /var/lib/app && echo old >/var/lib/app/state && echo old >/var/lib/app/index");
    guest.must("pattern update");
    restart(&mut guest, "0.0.2");
    let log = guest.must("dmesg");
    for said in [
        "copied the state that 0.0.1 (",
        "before 0.0.2 (",
        ") starts on trial: /var/lib/app",
        "brought /var from 0.0.1 (",
        ") to 0.0.2 (",
        " that the machine changed stay",
    ] {
        assert!(log.contains(said), "{said}: {log}");
    }
    guest.must(&format!("cmp {FOLLOWED} && grep 'second version' /var/lib/pam/seen"));
    assert_eq!(guest.must("cat /var/lib/follows/first"), "Of the second version.");
    assert_eq!(guest.must("cat /var/lib/pam/session /var/lib/app/state /var/kept"), "mine\nmigrated\nkept");

    // Found to be good: the copy goes.
    guest.must("until systemctl is-active pattern-blessed.service; do sleep 1; done");
    guest.must("test -e /boot/EFI/Linux/demo_0.0.2.efi");
    let said = guest.must("dmesg | grep pattern-health");
    assert!(said.contains("removed the copy of the state from before the trial"), "{said}");
    guest.must("pattern rollback");
    restart(&mut guest, "0.0.1");
    let log = guest.must("dmesg");
    assert!(log.contains("brought /var from 0.0.2 (") && !log.contains("put back"), "{log}");
    guest.must(&format!("cmp {FOLLOWED}"));
    guest.must("test ! -e /var/lib/follows");
    assert_eq!(guest.must("cat /var/lib/pam/session /var/lib/app/state /var/kept"), "mine\nmigrated\nkept");
    guest.power_off();
}

fn restart(guest: &mut Guest, version: &str) {
    guest.send("systemctl reboot");
    guest.wait_for_shell();
    assert_eq!(guest.must(". /etc/os-release && echo $IMAGE_VERSION"), version);
}

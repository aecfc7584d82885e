//! A kept `/etc` follows the image: what the owner left alone is the new version's, edits and users stay, a new unit is
//! enabled. Going back gives the earlier defaults again.

use pattern_vm_tests::{Computer, Guest, Release, Server};

const LINK: &str = "/etc/systemd/system/multi-user.target.wants/etc-follows.service";

#[test]
#[ignore = "long; `make check-all` runs it"]
fn etc_follows() {
    let release = Release::copy("0.0.2", "etc_follows");
    let server = Server::start(release.path());
    let mut computer = Computer::installed("etc_follows");
    computer.serve(&server);

    let mut guest = computer.boot();
    // Since the first boot it is known which version's it is.
    let log = guest.must("dmesg");
    assert!(!log.contains("brought /etc") && !log.contains("which version's /etc"), "{log}");
    is_of_version_1(&mut guest);
    edit(&mut guest);
    guest.must("pattern update");
    restart(&mut guest, "0.0.2");
    let log = guest.must("dmesg");
    assert!(log.contains("brought /etc from 0.0.1 (") && log.contains(") to 0.0.2 ("), "{log}");
    assert!(
        log.contains("/etc/nanorc: changed on this machine and in the image; the machine's stays"),
        "{log}"
    );
    is_of_version_2(&mut guest);
    has_the_edits(&mut guest);
    guest.must("until [ -e /boot/EFI/Linux/demo_0.0.2.efi ]; do sleep 1; done");
    // What the owner does meanwhile stays, too.
    guest.must("echo mine >/etc/meanwhile");

    guest.must("pattern rollback");
    restart(&mut guest, "0.0.1");
    let log = guest.must("dmesg");
    assert!(log.contains("brought /etc back from 0.0.2 (") && log.contains(") to 0.0.1 ("), "{log}");
    assert_eq!(guest.must("pattern etc conflicts"), "No conflict is open.");
    is_of_version_1(&mut guest);
    has_the_edits(&mut guest);
    assert_eq!(guest.must("cat /etc/meanwhile"), "mine");
    guest.power_off();
}

/// What an owner does.
fn edit(guest: &mut Guest) {
    guest.must("echo '# mine' >>/etc/nanorc");
    guest.must("echo me:x:1000:1000::/home/me:/bin/sh >>/etc/passwd && echo me:x:1000: >>/etc/group");
}

fn has_the_edits(guest: &mut Guest) {
    assert_eq!(guest.must("tail -n 1 /etc/nanorc"), "# mine");
    assert_eq!(guest.must("id me"), "uid=1000(me) gid=1000(me) groups=1000(me)");
    assert_eq!(guest.must("cat /etc/kept"), "kept");
}

fn is_of_version_1(guest: &mut Guest) {
    guest.must(
        "cmp /etc/motd /usr/share/factory/etc/motd && cmp /etc/issue.net /usr/share/factory/etc/issue.net",
    );
    guest.must_fail("grep 'second version' /etc/motd");
    guest.must_fail(&format!("test -L {LINK}"));
}

fn is_of_version_2(guest: &mut Guest) {
    guest.must("cmp /etc/motd /usr/share/factory/etc/motd && grep 'second version' /etc/motd");
    guest.must("test ! -e /etc/issue.net");
    guest.must_fail("grep 'second version' /etc/nanorc");
    guest.must("grep 'second version' /usr/share/factory/etc/nanorc");
    guest.must(&format!("test -L {LINK}"));
    assert_eq!(guest.must("systemctl is-active etc-follows.service"), "active");
}

fn restart(guest: &mut Guest, version: &str) {
    guest.send("systemctl reboot");
    guest.wait_for_shell();
    assert_eq!(guest.must(". /etc/os-release && echo $IMAGE_VERSION"), version);
}

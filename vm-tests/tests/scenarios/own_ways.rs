//! An image with packages of its own for the time and for links has those, and not the base's, and trusts an authority of its own.
//! It has the users, passwords and keys that docs/userspace.md shows.
//! It keeps only `/var`: its users have the numbers that they had in versions before, and its SSH server is the same one
//! after each boot, until the owner makes its keys anew.

use pattern_vm_tests::{Computer, Guest};

#[test]
#[ignore = "long; `make check-all` runs it"]
fn own_ways() {
    let mut computer = Computer::of_image("own-ways", "own_ways");
    let mut guest = computer.boot();
    guest.must("systemctl is-active chrony.service systemd-resolved.service");
    guest.must_fail("ls /usr/lib/systemd/system/systemd-timesyncd.service");
    guest.must_fail("ls /usr/lib/systemd/network/89-pattern-wired.network");
    let certificate =
        include_str!("../../images/own-ways/mkosi.extra/usr/local/share/ca-certificates/own-authority.crt");
    let line = certificate.lines().nth(1).unwrap();
    guest.must(&format!("grep -F {line} /etc/ssl/certs/ca-certificates.crt"));
    users(&mut guest);
    logins(&mut guest);
    let first = identity(&mut guest);
    restart(&mut guest);
    assert_eq!(identity(&mut guest), first, "it is another machine");
    guest.must("rm /etc/ssh/ssh_host_* && ssh-keygen -A && systemctl restart pattern-host.service");
    let second = identity(&mut guest);
    assert_ne!(second, first);
    restart(&mut guest);
    assert_eq!(identity(&mut guest), second, "the new keys are lost");
    guest.power_off();
}

/// The numbers of users.lock, of which two would be each other's and one is taken; and what runs by them.
fn users(guest: &mut Guest) {
    for (name, number) in [("_chrony", "998"), ("messagebus", "160"), ("systemd-network", "150")] {
        assert_eq!(guest.must(&format!("id -u {name}")).trim(), number, "{name}");
    }
    assert_eq!(guest.must("getent group messagebus _chrony | cut -d: -f3").trim(), "998\n150");
    guest.must_fail("getent passwd gone");
    guest.must_fail("cut -d: -f3 /etc/passwd | sort -n | uniq -d | grep .");
    let helper = guest.must("stat -c '%a %U:%G %g' /usr/lib/dbus-1.0/dbus-daemon-launch-helper");
    assert_eq!(helper.trim(), "4754 root:messagebus 998");
    assert_eq!(guest.must("stat -c %U:%u /var/lib/chrony").trim(), "_chrony:998");
}

/// Root has a key and a password, and there is another user with a password.
fn logins(guest: &mut Guest) {
    let key = include_str!("../../images/own-ways/mkosi.extra/usr/lib/credstore/ssh.authorized_keys.root");
    assert_eq!(guest.must("cat /root/.ssh/authorized_keys").trim(), key.trim());
    assert_eq!(guest.must("stat -c '%a %U' /root/.ssh/authorized_keys").trim(), "600 root");
    let conf = include_str!("../../images/own-ways/mkosi.conf");
    let hash = conf.lines().find_map(|line| line.strip_prefix("RootPassword=hashed:")).unwrap();
    for user in ["root", "me"] {
        assert_eq!(guest.must(&format!("getent shadow {user} | cut -d: -f2")).trim(), hash, "{user}");
    }
    assert_eq!(guest.must("id -nG me").trim(), "me sudo");
    assert_eq!(guest.must("stat -c '%a %U' /home/me").trim(), "700 me");
}

/// What others know the machine by.
fn identity(guest: &mut Guest) -> String {
    guest.must(
        "until systemctl is-active pattern-host.service; do sleep 1; done; systemctl is-active ssh.service",
    );
    guest.must("cat /etc/machine-id; for key in /etc/ssh/ssh_host_*_key.pub; do ssh-keygen -lf $key; done")
}

fn restart(guest: &mut Guest) {
    guest.send("systemctl reboot");
    guest.wait_for_shell();
}

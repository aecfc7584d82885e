//! Options that an update turns on work over a kept `/etc`: what they need there arrives with the version.

use pattern_vm_tests::{Computer, Guest, Release, Server};

use crate::userspace::until;

#[test]
#[ignore = "long; `make check-all` runs it"]
fn etc_options() {
    let release = Release::copy("options", "etc_options");
    let server = Server::start(release.path());
    let mut computer = Computer::installed("etc_options");
    computer.serve(&server);
    computer.with_a_display();
    let mut guest = computer.boot();
    guest.must("test ! -e /etc/containers && test ! -e /etc/pam.d/gdm-password && echo me:x:1000:1000::/home/me:/bin/sh >>/etc/passwd");
    stage(&mut guest);
    guest.must("pattern update");
    guest.send("systemctl reboot");
    guest.wait_for_shell();
    assert_eq!(guest.must(". /etc/os-release && echo $IMAGE_VERSION"), "0.0.3");
    stage(&mut guest);
    assert_eq!(guest.must("pattern etc conflicts"), "No conflict is open.");
    boxes_can_be_made(&mut guest);
    // A greeter runs as a user of its own, by files of PAM that came with this version.
    until(&mut guest, "loginctl list-sessions -j | grep -q '\"class\":\"greeter\"'");
    assert_eq!(guest.must("systemctl is-active gdm.service"), "active");
    guest.must("id me && until [ -e /boot/EFI/Linux/demo_0.0.3.efi ]; do sleep 1; done");
    guest.power_off();
}

/// Shows how long the volume took: with an `/etc` of the same version, and with that of another one.
fn stage(guest: &mut Guest) {
    println!("{}", guest.must("dmesg | grep pattern-persist; find /usr/share/factory/etc | wc -l"));
}

/// Without `/etc/containers/policy.json`, which podman has nowhere else, no image can be loaded.
fn boxes_can_be_made(guest: &mut Guest) {
    guest.must("mkdir -p /tmp/box/bin && cp /usr/bin/true /tmp/box/bin && tar -C /tmp/box -c . | podman import - box");
    guest.must("podman save box -o /tmp/box.tar && podman rmi box && podman load -i /tmp/box.tar");
    guest.must("command -v distrobox && test -s /etc/containers/policy.json");
}

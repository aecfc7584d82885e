//! An image that Nix itself put together, of Debian's programs: `make nix-machine`. The first boot makes the volume; activation
//! in a kept `/etc` writes what is its own, and leaves what is the owner's; an update is fetched by parts, tried and kept; a
//! version whose essential service fails gives way to the one before.

use pattern_vm_tests::{Computer, Guest, Release, Server};

#[test]
#[ignore = "needs an image by Nix; `make nix-machine` makes it and runs this"]
fn nixos_shaped() {
    let release = Release::copy("nixos", "nixos_shaped");
    let server = Server::start(release.path());
    let mut computer = Computer::of_image("nixos", "nixos_shaped");
    computer.serve(&server);

    let mut guest = computer.boot();
    is_nixos(&mut guest);
    guest.must("echo mine >/etc/mine && echo mine >/home/mine");
    // What activation copied it copies again, and what it linked it links again.
    guest.must("echo mine >/etc/copied && rm /etc/linked && echo mine >/etc/linked && sync");
    restart(&mut guest, "0.0.1");
    // The file system that shutdown ends in has what shutdown loads.
    assert!(!guest.console().contains("libmount"), "{}", guest.console());
    assert_eq!(
        guest.must("grep -h . /etc/mine /home/mine /etc/linked /etc/copied"),
        "mine\nmine\nfirst\nfirst"
    );
    guest.must_fail("test -e /etc/added");

    update(&mut guest);
    restart(&mut guest, "0.0.2");
    is_nixos(&mut guest);
    is_of_the_second(&mut guest);
    guest.must("until [ -e /boot/EFI/Linux/nixos_0.0.2.efi ]; do sleep 1; done");
    assert_eq!(guest.must("systemctl --failed --no-legend"), "");

    release.replace("nixos-broken");
    update(&mut guest);
    guest.send("systemctl reboot");
    for _ in 0..3 {
        guest.expect("essential unit broken.service failed");
    }
    guest.wait_for_shell();
    assert_eq!(guest.must(". /etc/os-release && echo $IMAGE_VERSION"), "0.0.2");
    is_of_the_second(&mut guest);
    guest.power_off();
}

/// NixOS reaches a login before the network is there. pattern-fetch, from the store, asks for no more than the machine lacks.
fn update(guest: &mut Guest) {
    guest.must("systemctl start network-online.target");
    let said = guest.must("pattern update");
    assert!(said.contains(" MB are fetched by "), "{said}");
}

/// The layout of NixOS, on the partitions and the volume of ours.
fn is_nixos(guest: &mut Guest) {
    assert_eq!(guest.must("findmnt -no SOURCE,FSTYPE /usr"), "/dev/mapper/usr erofs");
    assert_eq!(guest.must("findmnt -no FSROOT,FSTYPE /nix/store | tail -n 1"), "/nix/store erofs");
    assert_eq!(guest.must("findmnt -no FSTYPE /persist"), "xfs");
    for name in ["etc", "home", "srv", "var"] {
        assert_eq!(guest.must(&format!("findmnt -no FSROOT /{name}")), format!("/root/{name}"));
    }
    guest.must(
        "test -x /run/current-system/activate && test -L /etc/static && test ! -e /usr/lib/systemd/system",
    );
    assert_eq!(guest.must("systemctl --failed --no-legend"), "");
    // udev of the initrd finds the programs of its rules.
    guest.must_fail("journalctl -b | grep 'dmsetup.*No such file'");
    let log = guest.must("journalctl -b -k | grep 'pattern-[a-z]*\\['");
    assert!(log.contains("pattern-latch") && log.contains("ended the initrd's phase"), "{log}");
}

/// What activation of the second version writes, beside what is the owner's.
fn is_of_the_second(guest: &mut Guest) {
    let all = guest.must("grep -h . /etc/mine /home/mine /etc/linked /etc/copied /etc/added");
    assert_eq!(all, "mine\nmine\nsecond\nsecond\nsecond");
}

fn restart(guest: &mut Guest, version: &str) {
    guest.send("systemctl reboot");
    guest.wait_for_shell();
    assert_eq!(guest.must(". /etc/os-release && echo $IMAGE_VERSION"), version);
}

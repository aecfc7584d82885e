//! An update from a signed release: the machine fetches it, starts it on trial, proves it, and has its files; a second
//! update finds nothing to do, and nothing in `/etc` says which release is genuine.

use pattern_vm_tests::{Computer, Guest, Release, Server};

#[test]
fn update() {
    let release = Release::copy("0.0.2", "update");
    let server = Server::start(release.path());
    let mut computer = Computer::installed("update");
    computer.serve(&server);

    let mut guest = computer.boot();
    let said = guest.must("pattern check-update");
    assert_eq!(said, "No newer version is installed: the next boot starts 0.0.1.");
    assert!(may_replace_the_boot_loader(&mut guest));
    others_in_etc(&mut guest);
    let said = guest.must("pattern update");
    assert!(said.contains("Version 0.0.2 will open the persist volume by itself"), "{said}");
    let entries = guest.must("ls /boot/EFI/Linux");
    assert_eq!(entries.split_whitespace().collect::<Vec<_>>(), ["demo_0.0.1.efi", "demo_0.0.2+3-0.efi"]);
    let said = guest.must("pattern update");
    assert!(said.contains("No newer version is offered."), "{said}");
    assert!(said.contains("Version 0.0.2 will open the persist volume by itself"), "{said}");
    let said = guest.run("pattern status").text;
    assert!(said.contains("Updates    http://10.0.2.100:8000: nothing newer "), "{said}");
    let said = guest.must_fail("fastfetch");
    assert!(said.contains("not found"), "{said}");

    guest.send("systemctl reboot");
    guest.wait_for_shell();
    runs_the_new_version(&mut guest);
    assert!(!may_replace_the_boot_loader(&mut guest), "the version before needs the loader");
    // On trial, and nothing newer is offered: a timer that finds that succeeds.
    guest.must("systemctl start systemd-sysupdate.service");
    is_blessed(&mut guest);
    guest.power_off();
    let labels = computer.disk().labels();
    assert_eq!(labels, ["esp", "verity-0.0.1", "usr-0.0.1", "verity-0.0.2", "usr-0.0.2", "persist"]);
}

fn may_replace_the_boot_loader(guest: &mut Guest) -> bool {
    guest.must("systemctl show --property=ConditionResult --value systemd-boot-update.service") == "yes"
}

/// Another keyring, and definitions that would fetch nothing: systemd-sysupdate by itself goes by them.
fn others_in_etc(guest: &mut Guest) {
    guest.must("cp /etc/hostname /etc/systemd/import-pubring.gpg && cp /etc/hostname /etc/systemd/import-pubring.pgp");
    guest.must_fail("/usr/lib/systemd/systemd-sysupdate check-new");
    guest.must("mkdir /etc/sysupdate.d && ln -s /dev/null /etc/sysupdate.d/30-uki.transfer");
}

fn runs_the_new_version(guest: &mut Guest) {
    let version = guest.must(". /etc/os-release && echo $IMAGE_VERSION");
    assert_eq!(version, "0.0.2");
    for name in ["etc", "home", "srv", "var"] {
        assert_eq!(guest.must(&format!("cat /{name}/kept")), "kept", "/{name}");
    }
    println!("{}", guest.must("fastfetch --logo none --structure OS:Kernel:Uptime"));
}

/// The trial ends when all of `/usr` was read.
fn is_blessed(guest: &mut Guest) {
    guest.must("until [ -e /boot/EFI/Linux/demo_0.0.2.efi ]; do sleep 1; done");
    assert_eq!(guest.must("systemctl is-active boot-complete.target"), "active");
    let log = guest.must("dmesg");
    assert!(log.contains("every block is verified") && log.contains("this version works"), "{log}");
    assert_eq!(guest.must("systemctl --failed --no-legend"), "");
}

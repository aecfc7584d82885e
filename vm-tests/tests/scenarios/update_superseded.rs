//! A version that waits for its first boot is overwritten by a newer one: its owner may have withdrawn it. A timer that finds
//! nothing to do succeeds.

use pattern_vm_tests::{Computer, Release, Server};

#[test]
#[ignore = "long; `make check-all` runs it"]
fn update_superseded() {
    let release = Release::copy("0.0.2", "update_superseded");
    let server = Server::start(release.path());
    let mut computer = Computer::installed("update_superseded");
    computer.serve(&server);
    let mut guest = computer.boot();
    guest.must("pattern update");
    let entries = "ls /boot/EFI/Linux | tr '\\n' ' '";
    assert_eq!(guest.must(entries).trim(), "demo_0.0.1.efi demo_0.0.2+3-0.efi");
    release.replace("third");
    guest.must("pattern update");
    assert_eq!(guest.must(entries).trim(), "demo_0.0.1.efi demo_0.0.3+3-0.efi");
    let said = guest.must("pattern update");
    assert!(said.contains("No newer version is offered."), "{said}");
    assert!(said.contains("Version 0.0.3 will open the persist volume by itself"), "{said}");
    guest.must("systemctl start systemd-sysupdate.service");

    guest.send("systemctl reboot");
    guest.wait_for_shell();
    assert_eq!(guest.must(". /etc/os-release && echo $IMAGE_VERSION"), "0.0.3");
    assert_eq!(guest.must("cat /etc/kept"), "kept");
    guest.power_off();
}

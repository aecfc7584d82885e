//! Two updates in a row: the second takes the slot of the version before, never the one that runs.

use pattern_vm_tests::{Computer, Release, Server};

#[test]
#[ignore = "long; `make check-all` runs it"]
fn update_third() {
    let release = Release::copy("0.0.2", "update_third");
    let server = Server::start(release.path());
    let mut computer = Computer::installed("update_third");
    computer.serve(&server);
    let mut guest = computer.boot();
    // As a person does it, and as the timer does it.
    let by_timer = "systemctl start systemd-sysupdate.service; \
                    while systemctl is-active --quiet systemd-sysupdate.service; do sleep 1; done; \
                    systemctl show --property=Result systemd-sysupdate.service | grep -x Result=success";
    for (version, command) in [("0.0.2", "pattern update"), ("0.0.3", by_timer)] {
        guest.must(command);
        guest.send("systemctl reboot");
        guest.wait_for_shell();
        assert_eq!(guest.must(". /etc/os-release && echo $IMAGE_VERSION"), version);
        guest.must(&format!("until [ -e /boot/EFI/Linux/demo_{version}.efi ]; do sleep 1; done"));
        release.replace("third");
    }
    let entries = guest.must("ls /boot/EFI/Linux");
    assert_eq!(entries.split_whitespace().collect::<Vec<_>>(), ["demo_0.0.2.efi", "demo_0.0.3.efi"]);
    assert_eq!(guest.must("cat /home/kept"), "kept");
    guest.power_off();
    let labels = computer.disk().labels();
    assert_eq!(labels, ["esp", "verity-0.0.3", "usr-0.0.3", "verity-0.0.2", "usr-0.0.2", "persist"]);
}

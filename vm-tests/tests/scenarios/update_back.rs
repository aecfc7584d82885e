//! Going back is one command that stays, and going forward again another. An orderly restart in the middle of a trial costs
//! no try. `pattern status` says what the machine is like at each step.

use pattern_vm_tests::{Computer, Guest, Release, Server};

#[test]
fn update_back() {
    let release = Release::copy("0.0.2", "update_back");
    let server = Server::start(release.path());
    let mut computer = Computer::installed("update_back");
    computer.serve(&server);
    let mut guest = computer.boot();
    let said = guest.must_fail("pattern rollback");
    assert!(
        said.contains("no older version than 0.0.1 is installed; to install one: pattern update VERSION"),
        "{said}"
    );
    hold_trials(&mut guest);
    guest.must("pattern update");
    restart(&mut guest, "0.0.2");
    assert_eq!(files(&mut guest), "demo_0.0.1.efi demo_0.0.2+2-1.efi");
    let status = guest.run("pattern status").text;
    assert!(status.contains("Version    0.0.2, on trial, 2 tries left (demo)"), "{status}");
    // As systemd does after two minutes in which nobody uses it.
    guest.run("umount /boot");
    restart(&mut guest, "0.0.2");
    assert_eq!(files(&mut guest), "demo_0.0.1.efi demo_0.0.2+2-2.efi", "the orderly restart cost a try");
    proved(&mut guest, "demo_0.0.2.efi");

    let said = guest.must("pattern rollback");
    assert!(said.contains("Version 0.0.1 will open the persist volume by itself"), "{said}");
    assert_eq!(files(&mut guest), "demo_0.0.1+3-0.efi demo_0.0.2+0-0.efi");
    restart(&mut guest, "0.0.1");
    proved(&mut guest, "demo_0.0.1.efi");
    // It stays: nothing brings the newer one back by itself.
    let said = guest.must("pattern update");
    assert!(said.contains("No newer version is offered."), "{said}");
    assert!(said.contains("No newer version is installed: the next boot starts 0.0.1."), "{said}");
    let status = guest.run("pattern status --verify").text;
    assert!(status.contains("Other      0.0.2, put aside, every block is verified"), "{status}");
    assert_eq!(files(&mut guest), "demo_0.0.1.efi demo_0.0.2+0-0.efi");

    let _earlier = server.requests();
    let said = guest.must("pattern update 0.0.2");
    assert!(said.contains("Version 0.0.2 will open the persist volume by itself"), "{said}");
    assert_eq!(server.requests(), Vec::<String>::new(), "what is there was fetched again");
    restart(&mut guest, "0.0.2");
    assert_eq!(guest.must("cat /etc/kept"), "kept");
    guest.power_off();
}

/// Has a trial wait for a file, so that it can be interrupted.
fn hold_trials(guest: &mut Guest) {
    guest.must("mkdir /etc/systemd/system/pattern-scrub.service.d");
    let wait = "[Service]\\nExecStartPre=/bin/sh -c \"until [ -e /run/go ]; do sleep 1; done\"\\n";
    guest.must(&format!("printf '{wait}' >/etc/systemd/system/pattern-scrub.service.d/wait.conf"));
}

fn files(guest: &mut Guest) -> String {
    guest.must("echo $(ls /boot/EFI/Linux)")
}

fn restart(guest: &mut Guest, version: &str) {
    guest.send("systemctl reboot");
    // Not until everything is started: the trial waits.
    guest.expect("(automatic login)");
    guest.greet();
    assert_eq!(guest.must(". /etc/os-release && echo $IMAGE_VERSION"), version);
}

fn proved(guest: &mut Guest, file: &str) {
    guest.must(&format!("touch /run/go; until [ -e /boot/EFI/Linux/{file} ]; do sleep 1; done"));
}

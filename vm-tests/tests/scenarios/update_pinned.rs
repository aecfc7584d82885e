//! A default entry in the firmware (key `d` in the boot menu): the machine says that an update is not started, and what to
//! type; and it never turns the way back off for a version on trial.

use pattern_vm_tests::{Computer, Guest, Release, Server};

const PIN: &str = "/sys/firmware/efi/efivars/LoaderEntryDefault-4a67b082-0a4c-41cf-b6c7-440b29bb8c4f";

#[test]
#[ignore = "long; `make check-all` runs it"]
fn update_pinned() {
    let release = Release::copy("0.0.2", "update_pinned");
    let server = Server::start(release.path());
    let mut computer = Computer::installed("update_pinned");
    computer.serve(&server);
    let mut guest = computer.boot();
    guest.must("bootctl set-default demo_0.0.1.efi");
    let why = "The next boot starts 0.0.1: it is the default entry of the boot menu (EFI variable LoaderEntryDefault).";
    let waits = "Version 0.0.2 is installed and waits; to start it: pattern update 0.0.2";
    let said = guest.must("pattern update");
    assert!(said.contains(why) && said.contains(waits), "{said}");
    restart(&mut guest, "0.0.1");
    let said = guest.must_fail("pattern check-update");
    assert!(said.contains(why) && said.contains(waits), "{said}");
    let status = guest.must_fail("pattern status");
    assert!(status.contains(&format!("To do      {waits}")), "{status}");

    guest.must("pattern update 0.0.2");
    guest.must(&format!("[ ! -e {PIN} ]"));
    // Somebody presses `d` on the version on trial.
    guest.must("bootctl set-default demo_0.0.2.efi");
    restart(&mut guest, "0.0.2");
    guest.must(&format!("[ ! -e {PIN} ]"));
    let log = guest.must("dmesg");
    assert!(
        log.contains("version 0.0.2, which is on trial, was the default entry of the boot menu"),
        "{log}"
    );
    guest.power_off();
}

fn restart(guest: &mut Guest, version: &str) {
    guest.send("systemctl reboot");
    guest.wait_for_shell();
    assert_eq!(guest.must(". /etc/os-release && echo $IMAGE_VERSION"), version);
}

//! A release that is not what the owner signed, or does not fit, changes nothing: not the table, not an entry, and
//! the machine says why.

use pattern_vm_tests::{Computer, Guest, Release, Server};

type Case = (fn(&Release), &'static str);

const CASES: [Case; 6] = [
    (Release::sign_with_another_key, "Signature verification failed"),
    (Release::sign_expired, "Signature verification failed"),
    (Release::unsign, "SHA256SUMS.gpg"),
    (|release| release.damage("verity"), "systemd-sysupdate ended with exit status: 1"),
    (outgrow, "the free usr partition is too small"),
    (age, "No newer version is offered."),
];

#[test]
#[ignore = "long; `make check-all` runs it"]
fn update_refused() {
    let release = Release::copy("0.0.2", "update_refused");
    let server = Server::start(release.path());
    let mut computer = Computer::installed("update_refused");
    computer.serve(&server);
    let table = computer.disk().table();
    let mut guest = computer.boot();
    for (number, (make, message)) in CASES.iter().enumerate() {
        release.replace("0.0.2");
        make(&release);
        let said = guest.run("pattern update").text;
        assert!(said.contains(message), "case {number}: {said}");
        assert_eq!(entries(&mut guest), "demo_0.0.1.efi", "case {number}: {said}");
        guest.must("sync");
        assert!(computer.disk().table() == table, "case {number}: the partition table was written");
    }
}

fn entries(guest: &mut Guest) -> String {
    guest.must("ls -A /boot/EFI/Linux")
}

/// Signed, and larger than any slot.
fn outgrow(release: &Release) {
    release.rename(".usr.raw", "0000.usr.raw");
    release.sign();
}

/// Signed, and older than what runs.
fn age(release: &Release) {
    release.rename("_0.0.2", "_0.0.0");
    release.sign();
}

//! A release that is not what the owner signed, does not exist, or does not fit, changes nothing: not the table, not an entry, and
//! the machine says why.

use pattern_vm_tests::{Computer, Guest, Release, Server};

type Case = (fn(&Release), &'static str);

const CASES: [Case; 6] = [
    (Release::sign_with_another_key, "Signature verification failed"),
    (Release::sign_expired, "Signature verification failed"),
    (Release::unsign, "SHA256SUMS.gpg"),
    (
        // Without a right index the whole is fetched.
        |release| {
            release.damage("usr.index");
            release.damage("verity");
        },
        "systemd-sysupdate update 0.0.2 ended with exit status: 1; the version that runs is untouched",
    ),
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
    release.replace("0.0.2");
    full(&mut guest);
    another_is_at_work(&mut guest);
    let said = guest.must_fail("pattern update 9.9.9");
    assert!(said.contains("what version 9.9.9 consists of"), "{said}");
    let said = guest.must_fail("pattern update ../etc");
    assert!(said.contains("is not a version that an image can have"), "{said}");
    not_counted(&mut guest);
    assert_eq!(entries(&mut guest), "demo_0.0.1.efi");
    guest.must("sync");
    assert!(computer.disk().table() == table, "the partition table was written");
}

/// A kernel image beside the running one does not fit, so the way back is not given up for it.
fn full(guest: &mut Guest) {
    guest.must("dd if=/dev/zero of=/boot/filler bs=1M 2>/dev/null; sync");
    let said = guest.must_fail("pattern update");
    assert!(said.contains("version 0.0.2: nothing was written: the EFI system partition is full"), "{said}");
    let said = guest.run("pattern status").text;
    assert!(said.contains("To do      No update fits: the EFI system partition is full"), "{said}");
    guest.must("rm /boot/filler");
}

/// As after a firmware that can't rename files started it.
fn not_counted(guest: &mut Guest) {
    guest.must("mv /boot/EFI/Linux/demo_0.0.1.efi /boot/EFI/Linux/demo_0.0.1+3-0.efi");
    let said = guest.must_fail("pattern update");
    assert!(said.contains("the firmware did not count this boot"), "{said}");
    let said = guest.must_fail("pattern status");
    assert!(
        said.contains("To do      Version 0.0.1, which runs, is not proved, and the firmware did not count"),
        "{said}"
    );
    guest.must("pattern update 0.0.1");
}

fn another_is_at_work(guest: &mut Guest) {
    let said = guest.must("flock /run/pattern-update.lock sh -c 'pattern update; echo status $?' 2>&1");
    assert!(said.contains("another update is at work") && said.contains("status 75"), "{said}");
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

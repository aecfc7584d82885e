//! A version of a higher epoch opens the volume while it is on trial and after it, by itself. Once it was kept, the version before
//! is refused the key, asks for the recovery key, and says why; with a header from before that, too. The way forward is open.

use pattern_vm_tests::{Computer, Release, Server, recovery_key_in};

/// Key slots, and all that names them.
const HEADER: u64 = 16 << 20;

#[test]
#[ignore = "long; `make check-all` runs it"]
fn epoch() {
    let mut computer = Computer::of_image("epoch", "epoch");
    let release = Release::copy("epoch", "epoch");
    let server = Server::start(release.path());
    computer.serve(&server);
    let mut guest = computer.boot();
    let key = recovery_key_in(guest.console());
    guest.must("echo kept >/etc/kept");
    let said = guest.must("pattern update");
    assert!(said.contains("Version 0.0.2 will open the persist volume by itself"), "{said}");
    let place = computer.disk().partition("persist").start;
    let before = computer.disk().read(place, HEADER);

    guest.send("systemctl reboot");
    guest.wait_for_shell();
    assert!(guest.must("dmesg").contains("opened it by the TPM"), "{}", guest.console());
    guest.must("until [ -e /boot/EFI/Linux/epoch_0.0.2.efi ]; do sleep 1; done");
    guest.send("systemctl reboot");
    guest.wait_for_shell();
    let log = guest.must("dmesg");
    assert!(log.contains("opened it by the TPM"), "{log}");
    assert!(log.contains("bound the volume as this version does"), "{log}");
    assert_eq!(guest.must("cat /etc/kept"), "kept");

    guest.must("bootctl set-oneshot epoch_0.0.1.efi");
    guest.send("systemctl reboot");
    let said = guest.expect("Recovery key for /dev/vda6:");
    assert!(said.contains("a version with a higher image.epoch was kept since"), "{said}");
    drop(guest);

    // Who kept the header of before, and starts the version that it was for.
    let now = computer.disk().read(place, HEADER);
    let mut guest = computer.boot();
    assert!(guest.must("dmesg").contains("opened it by the TPM"), "{}", guest.console());
    guest.must("bootctl set-oneshot epoch_0.0.1.efi");
    guest.power_off();
    let newest = computer.disk().read(place, HEADER);
    assert!(now != newest, "the opening was not counted");
    computer.disk().write(place, &before);
    let mut guest = computer.start();
    let said = guest.expect("Recovery key for /dev/vda6:");
    assert!(said.contains("this key was replaced: the TPM has counted to"), "{said}");
    drop(guest);
    // On the version of now not even the recovery key opens it, which the copy has a slot for.
    let mut guest = computer.start();
    let said = guest.expect("Recovery key for /dev/vda6:");
    assert!(said.contains("this key was replaced: the TPM has counted to"), "{said}");
    guest.send(&key);
    let said = guest.expect_any(&["this is an old copy of this machine's volume", "(automatic login)"]);
    assert_eq!(said.0, 0, "{}", said.1);
    drop(guest);
    computer.disk().write(place, &newest);
    let mut guest = computer.boot();
    assert_eq!(guest.must("cat /etc/kept"), "kept");
    guest.power_off();
}

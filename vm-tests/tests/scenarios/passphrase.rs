//! An image with `volume.tpm = "preferred"`, on a machine without a TPM: the first boot has a person choose a passphrase, each
//! boot asks for it, and `pattern status` has nothing to say. A TPM that comes later opens the volume once `pattern rebind` has
//! bound it. Whoever hides the TPM of a machine that has a volume makes another volume in vain: with its TPM, the machine does not
//! use it.

use pattern_vm_tests::{Computer, Guest};

const PASSPHRASE: &str = "rude blue tree 7";
const QUESTION: &str = "This machine has no TPM, so a passphrase opens its volume. Choose a passphrase for this machine, of at least \
                        12 characters, asked at each boot:";
const ASKS: &str = "Recovery key or passphrase for /dev/vda6:";

fn pc(name: &str) -> Computer {
    let mut computer = Computer::of_image("pc", name);
    computer.words("console=ttyS0");
    computer
}

fn choose(guest: &mut Guest) {
    guest.expect(QUESTION);
    guest.send("rude tree");
    guest.expect(&format!("This passphrase was too short. {QUESTION}"));
    guest.send(PASSPHRASE);
    guest.expect("The same passphrase again:");
    guest.send(PASSPHRASE);
}

#[test]
#[ignore = "long; `make check-all` runs it"]
fn passphrase() {
    let mut computer = pc("passphrase");
    computer.remove_tpm();
    let mut guest = computer.start();
    choose(&mut guest);
    guest.wait_for_shell();
    assert!(guest.must("dmesg").contains("made one with xfs, opened by a passphrase"), "{}", guest.console());
    guest.must("echo kept >/home/kept && sync /home/kept");
    guest.power_off();

    let mut guest = computer.start();
    let said = guest.expect(ASKS);
    assert!(!said.contains("The TPM does not open"), "{said}");
    guest.send("another passphrase");
    guest.expect("tries left: 4");
    guest.expect(ASKS);
    // As on a French keyboard.
    guest.send("rude blue tree &");
    guest.wait_for_shell();
    assert_eq!(guest.must("cat /home/kept"), "kept");
    let status = guest.must("pattern status || true");
    assert!(status.contains("; it asks for the passphrase, as each boot does"), "{status}");
    assert!(!status.contains("TPM"), "{status}");
    guest.power_off();

    bound(&mut computer);
}

/// The machine gets a TPM.
fn bound(computer: &mut Computer) {
    computer.put_the_tpm_back();
    let mut guest = computer.start();
    let said = guest.expect(ASKS);
    assert!(said.contains("it has no TPM token"), "{said}");
    guest.send(PASSPHRASE);
    guest.wait_for_shell();
    guest.send("pattern rebind");
    guest.expect(ASKS);
    guest.send(PASSPHRASE);
    guest.expect("is bound to the TPM as it is now");
    guest.power_off();
    let mut guest = computer.boot();
    assert!(guest.must("dmesg").contains("opened it by the TPM"), "{}", guest.console());
    assert_eq!(guest.must("cat /home/kept"), "kept");
}

#[test]
#[ignore = "long; `make check-all` runs it"]
fn passphrase_of_a_thief() {
    let mut computer = pc("passphrase_of_a_thief");
    computer.boot().power_off();
    let volume = computer.disk().partition("persist");
    computer.remove_tpm();
    computer.disk().write(volume.start, &vec![0; 16 << 20]);
    let deleted = computer.command("sfdisk").args(["--quiet", "--delete", "disk.raw", "6"]).status();
    assert!(deleted.expect("starting sfdisk").success());
    let mut guest = computer.start();
    choose(&mut guest);
    guest.wait_for_shell();
    guest.power_off();

    computer.put_the_tpm_back();
    let mut guest = computer.start();
    guest.expect(ASKS);
    guest.send(PASSPHRASE);
    let said = guest.expect("You are in emergency mode");
    assert!(said.contains("this is not the volume that this machine made; nothing of it was used"), "{said}");
}

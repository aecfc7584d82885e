//! Who changes a block of `/usr` does not choose which files are missing from a system with an open volume: after a boot that was
//! cut short all of `/usr` is read first. After a mere power cut the volume opens by itself, and damage asks for the recovery key.

use pattern_vm_tests::{Computer, Guest};

const CUT_SHORT: &str = "the last boot from this /usr did not end in an orderly way";

#[test]
#[ignore = "long; `make check-all` runs it"]
fn degraded_usr() {
    let mut computer = Computer::installed("degraded_usr");
    let key = computer.recovery_key();
    // Not an orderly end: the power is cut.
    drop(computer.boot_initrd());
    let mut guest = computer.boot_initrd();
    let log = guest.must("dmesg");
    let line = log
        .lines()
        .find(|line| line.contains("opened it, restart on corruption"))
        .expect("pattern-usr's line");
    println!("{line}");
    assert!(line.contains(CUT_SHORT) && line.contains("MiB are whole"), "{line}");
    assert!(log.contains("opened it by the TPM"), "{log}");
    drop(guest);

    let usr = computer.disk().partition("usr-0.0.1");
    let place = usr.start + (64 << 20);
    let whole = computer.disk().read(place, 4096);
    let changed: Vec<u8> = whole.iter().map(|byte| byte ^ 1).collect();
    computer.disk().write(place, &changed);
    let mut guest = asks_for_the_key(&mut computer);
    guest.send(&key);
    guest.wait_for_initrd_shell();
    assert_eq!(guest.must("cat /sysroot/home/kept"), "kept");
    assert!(!guest.must("dmesg").contains("pattern rebind"), "{}", guest.console());
    drop(guest);

    computer.disk().write(place, &whole);
    let mut guest = computer.boot_initrd();
    assert!(guest.must("dmesg").contains("opened it by the TPM"), "{}", guest.console());
    guest.power_off();
}

fn asks_for_the_key(computer: &mut Computer) -> Guest {
    let mut guest = computer.start_initrd();
    let said = guest.expect("Recovery key for /dev/vda6:");
    assert!(said.contains(CUT_SHORT), "{said}");
    assert!(said.contains("/usr is damaged (at byte 67"), "{said}");
    assert!(said.contains("so the TPM is not asked for the key; start another version"), "{said}");
    assert!(!said.contains("opened it by the TPM"), "{said}");
    guest
}

//! A cleared TPM: the recovery key opens the volume once more, `pattern rebind` seals a new key, and the next boot asks
//! nobody.

use pattern_vm_tests::Computer;

#[test]
#[ignore = "long; `make check-all` runs it"]
fn rebind() {
    let mut computer = Computer::installed("rebind");
    let key = computer.recovery_key();
    computer.clear_tpm();
    let mut guest = computer.start();
    let said = guest.expect("Recovery key for /dev/vda6:");
    assert!(said.contains("the TPM was cleared"), "{said}");
    guest.send(&key);
    guest.wait_for_shell();
    guest.send("pattern rebind");
    guest.expect("Recovery key for /dev/vda6:");
    guest.send(&key);
    let said = guest.expect("older ones removed: 1");
    assert!(said.contains("is bound to the TPM as it is now"), "{said}");
    guest.power_off();

    let mut guest = computer.boot_initrd();
    assert!(guest.must("dmesg").contains("opened it by the TPM"), "{}", guest.console());
    assert_eq!(guest.must("cat /sysroot/home/kept"), "kept");
}

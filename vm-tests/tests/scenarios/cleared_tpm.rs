//! A cleared TPM: the boot says that it was cleared, asks for the recovery key, and overwrites nothing.

use pattern_vm_tests::Computer;

#[test]
fn cleared_tpm() {
    let mut computer = Computer::installed("cleared_tpm");
    let volume = computer.disk().partition("persist");
    let (table, contents) = (computer.disk().table(), computer.disk().read(volume.start, 64 << 20));
    computer.clear_tpm();
    let mut guest = computer.start();
    let said = guest.expect("Recovery key for /dev/vda6:");
    assert!(said.contains("the TPM was cleared"), "{said}");
    drop(guest);
    assert!(computer.disk().table() == table, "the partition table was written");
    assert!(computer.disk().read(volume.start, 64 << 20) == contents, "the volume was written");
}

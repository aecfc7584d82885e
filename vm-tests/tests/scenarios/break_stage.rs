//! `pattern.break=persist`: a shell before the volume is opened; when it ends, the boot goes on.

use pattern_vm_tests::Computer;

#[test]
fn break_stage() {
    let mut computer = Computer::installed("break_stage");
    computer.words("pattern.break=persist");
    let mut guest = computer.start();
    let _ = guest.expect("Shell asked for by pattern.break=");
    guest.greet();
    let _ = guest.must("findmnt /sysusr/usr");
    let _ = guest.must_fail("ls /dev/mapper/persist");
    guest.send("exit");
    let _ = guest.expect("opened it by the TPM");
    let _ = guest.expect("Persisted /home");
}

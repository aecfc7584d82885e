//! `pattern.break=persist`: a shell before the volume is opened; when it ends, the boot goes on.

use pattern_vm_tests::Computer;

#[test]
fn break_stage() {
    let mut computer = Computer::installed("break_stage");
    computer.words("pattern.break=persist");
    let mut guest = computer.start();
    guest.expect("Shell asked for by pattern.break=");
    guest.greet();
    guest.must("findmnt /sysusr/usr");
    // A driver that only /usr has.
    guest.must("modprobe vfat");
    guest.must_fail("ls /dev/mapper/persist");
    guest.send("exit");
    guest.expect("opened it by the TPM");
    guest.wait_for_shell();
    guest.must("findmnt /home");
}
